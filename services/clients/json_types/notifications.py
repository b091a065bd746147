"""Notifications, markers and digests. See `services.clients.json_types`."""

from __future__ import annotations

from typing import TypedDict


class NotificationJson(TypedDict):
    id: str
    owner: str
    type: str
    account: str
    post: str | None
    created_at: str
    dismissed: bool
    group_key: str
    order: str | None
    what: str


class NotificationListJson(TypedDict):
    notifications: list[NotificationJson]
    first: str
    last: str
    documents: list[str]


class NotificationGroupJson(TypedDict):
    group_key: str
    type: str
    count: int
    newest: str
    oldest: str
    latest_at: str
    accounts: list[str]
    post: str | None
    order: str | None
    what: str


class GroupListJson(TypedDict):
    groups: list[NotificationGroupJson]
    first: str
    last: str


class MarkerJson(TypedDict):
    last_read_id: str
    version: int
    updated_at: str


class UnreadCountJson(TypedDict):
    count: int


class DigestSettingJson(TypedDict):
    enabled: bool
    available: bool
    interval_hours: float
