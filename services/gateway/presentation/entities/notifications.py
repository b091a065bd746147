"""Notification and NotificationGroup without accounts and posts, NotificationPolicy, Marker."""

from __future__ import annotations

from typing import Any

from services.contracts.notifications import Marker, Notification, NotificationGroup

Entity = dict[str, Any]

POLICY: Entity = {
    "for_not_following": "accept",
    "for_not_followers": "accept",
    "for_new_accounts": "accept",
    "for_private_mentions": "accept",
    "for_limited_accounts": "accept",
    "summary": {"pending_requests_count": 0, "pending_notifications_count": 0},
}
"""No notification is filtered: users mute or block accounts instead."""

POLICY_V1: Entity = {
    "filter_not_following": False,
    "filter_not_followers": False,
    "filter_new_accounts": False,
    "filter_private_mentions": False,
    "summary": POLICY["summary"],
}
"""The entity V1::NotificationPolicy."""


def notification(source: Notification) -> Entity:
    """The entity Notification without `account` and `status`; our own types have an `order`."""
    return _order_fields(source) | {
        "id": source.id,
        "type": source.type,
        "created_at": source.created_at,
        "group_key": source.group_key,
    }


def _order_fields(source: Notification | NotificationGroup) -> Entity:
    return {"order": {"id": source.order, "event": source.what}} if source.order else {}


def group(source: NotificationGroup) -> Entity:
    """The entity NotificationGroup. As in Mastodon, `most_recent_notification_id` is a number."""
    return _order_fields(source) | {
        "group_key": source.group_key,
        "notifications_count": source.count,
        "type": source.type,
        "most_recent_notification_id": int(source.newest),
        "page_min_id": source.oldest,
        "page_max_id": source.newest,
        "latest_page_notification_at": source.latest_at,
        "sample_account_ids": source.accounts,
        "status_id": source.post,
    }


def marker(source: Marker) -> Entity:
    """The entity Marker."""
    return {
        "last_read_id": source.last_read_id.lstrip("0") or "0",
        "version": source.version,
        "updated_at": source.updated_at,
    }
