"""Notification and NotificationGroup without accounts and posts, NotificationPolicy, Marker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.contracts.notifications import Marker, NotificationGroup

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


def notification(row: Mapping[str, Any]) -> Entity:
    """The entity Notification of a row, without `account` and `status`.

    Our own types have an `order`.
    """
    return _order_fields(row.get("order"), row.get("what", "")) | {
        "id": row["id"],
        "type": row["type"],
        "created_at": row["created_at"],
        "group_key": row["group_key"],
    }


def _order_fields(order: str | None, what: str) -> Entity:
    return {"order": {"id": order, "event": what}} if order else {}


def group(source: NotificationGroup) -> Entity:
    """The entity NotificationGroup. As in Mastodon, `most_recent_notification_id` is a number."""
    return _order_fields(source.order, source.what) | {
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
