"""Accounts, relationships, reports and followed hashtags. See `services.clients.json_types`."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class ProfileFieldJson(TypedDict):
    name: str
    value: str
    verified_at: str | None


class MentionJson(TypedDict):
    id: str
    username: str


class ProfileJson(TypedDict):
    id: str
    username: str
    display_name: str
    note: str
    avatar: str
    header: str
    fields: list[ProfileFieldJson]
    mentions: list[MentionJson]
    locked: bool
    bot: bool
    discoverable: bool
    default_visibility: str
    default_sensitive: bool
    default_language: str
    locale: str
    created_at: str
    role: str
    suspended: bool
    deleted: bool


class AccountCountsJson(TypedDict):
    followers: int
    following: int
    statuses: int
    last_status_at: str | None


class AccountJson(TypedDict):
    profile: ProfileJson
    counts: AccountCountsJson
    version: int


class OwnAccountJson(AccountJson):
    follow_requests: int


class AccountListJson(TypedDict):
    ids: list[str]
    accounts: list[AccountJson]
    until: NotRequired[list[str | None]]
    more: str


class RelationshipJson(TypedDict):
    id: str
    following: bool
    showing_reblogs: bool
    notifying: bool
    followed_by: bool
    blocking: bool
    blocked_by: bool
    muting: bool
    muting_notifications: bool
    muting_expires_at: str | None
    requested: bool
    requested_by: bool
    note: str


class SuggestionJson(TypedDict):
    account: AccountJson
    reason: str


class FamiliarFollowersJson(TypedDict):
    id: str
    accounts: list[AccountJson]


class ReportJson(TypedDict):
    id: str
    account: str
    target: str
    statuses: list[str]
    comment: str
    category: str
    rules: list[str]
    created_at: str
    updated_at: str
    assigned: str
    resolved_by: str
    resolved_at: str | None


class ReportListJson(TypedDict):
    ids: list[str]
    reports: list[ReportJson]


class TagListJson(TypedDict):
    ids: list[str]
    tags: list[str]


class TagFollowedJson(TypedDict):
    name: str
    following: bool


class EditedProfileFieldJson(TypedDict):
    name: str
    value: str


class ProfileValuesJson(TypedDict, total=False):
    """Values of a profile."""

    display_name: str
    note: str
    avatar: str
    header: str
    fields: list[EditedProfileFieldJson]
    locked: bool
    bot: bool
    discoverable: bool
    default_visibility: str
    default_sensitive: bool
    default_language: str


class EditedProfileJson(ProfileValuesJson, total=False):
    """The parts of a profile that change; parts that are left out stay as they are.

    Nothing changes unless the `expected` values are the present ones.
    """

    expected: ProfileValuesJson
