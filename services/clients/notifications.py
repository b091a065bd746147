"""The notifications service: notifications, groups of them, markers, digests."""

from __future__ import annotations

from typing import Any, TypedDict

from services.chassis.security.caller import Caller
from services.chassis.storage.window import Window
from services.clients.base import NOT_CACHED, CacheAge, ExportingClient
from services.clients.json_types.notifications import (
    DigestSettingJson,
    GroupListJson,
    MarkerJson,
    NotificationJson,
    NotificationListJson,
    UnreadCountJson,
)
from services.clients.paths import numeric_id, path_segment
from services.contracts.mails import AccountMail
from services.contracts.notifications import DigestStop, NewDigestSetting, NewMarkers

_MAIL_TIMEOUT = 45.0


class NotificationFilter(TypedDict, total=False):
    """Which notifications; lists are joined by commas."""

    types: str
    exclude_types: str
    account_id: str


class GroupFilter(NotificationFilter, total=False):
    """The same, and which types are grouped."""

    grouped_types: str


class NotificationsClient(ExportingClient):
    """Routes of the notifications service."""

    app_id = "notifications"

    # ── one by one ──────────────────────────────────────────────────────────────────────────

    async def notifications(
        self,
        caller: Caller,
        window: Window,
        chosen: NotificationFilter,
        cache_age: CacheAge = NOT_CACHED,
    ) -> NotificationListJson:
        """The caller's notifications, newest first."""
        params = {**window.params(), **_params(chosen), **cache_age.params()}
        return await self._get(NotificationListJson, "notifications", caller, params)

    async def notification(self, id: str, caller: Caller) -> NotificationJson:
        """One of them. Raises `NotFound`."""
        return await self._get(NotificationJson, f"notifications/{numeric_id(id)}", caller)

    async def unread_count(
        self, caller: Caller, limit: int, chosen: NotificationFilter
    ) -> UnreadCountJson:
        """How many are newer than the marker, up to a limit."""
        params = {"limit": str(limit), **_params(chosen)}
        return await self._get(UnreadCountJson, "notifications/unread", caller, params)

    async def dismiss(self, id: str, caller: Caller) -> None:
        """Dismiss one."""
        await self._post(dict[str, Any], f"notifications/{numeric_id(id)}/dismiss", caller)

    async def clear(self, caller: Caller) -> None:
        """Dismiss all."""
        await self._post(dict[str, Any], "notifications/clear", caller)

    # ── in groups ───────────────────────────────────────────────────────────────────────────

    async def groups(self, caller: Caller, window: Window, chosen: GroupFilter) -> GroupListJson:
        """The caller's notifications in groups, newest first."""
        params = {**window.params(), **_params(chosen)}
        return await self._get(GroupListJson, "groups", caller, params)

    async def unread_groups(
        self, caller: Caller, limit: int, chosen: GroupFilter
    ) -> UnreadCountJson:
        """How many groups have something newer than the marker, up to a limit."""
        params = {"limit": str(limit), **_params(chosen)}
        return await self._get(UnreadCountJson, "groups/unread", caller, params)

    async def group(self, key: str, caller: Caller) -> GroupListJson:
        """One whole group. Raises `NotFound`."""
        return await self._get(GroupListJson, f"groups/{path_segment(key)}", caller)

    async def group_accounts(self, key: str, caller: Caller) -> list[str]:
        """The ids of the accounts in a group, the newest first."""
        return await self._get(list[str], f"groups/{path_segment(key)}/accounts", caller)

    async def dismiss_group(self, key: str, caller: Caller) -> None:
        """Dismiss a whole group."""
        await self._post(dict[str, Any], f"groups/{path_segment(key)}/dismiss", caller)

    # ── markers and digests ─────────────────────────────────────────────────────────────────

    async def markers(self, caller: Caller) -> dict[str, MarkerJson]:
        """How far the caller has read, by timeline."""
        return await self._get(dict[str, MarkerJson], "markers", caller)

    async def move_markers(self, new: NewMarkers, caller: Caller) -> dict[str, MarkerJson]:
        """Say how far the caller has read."""
        return await self._post(dict[str, MarkerJson], "markers", caller, json=new)

    async def digest(self, caller: Caller) -> DigestSettingJson:
        """Whether the caller gets digests by mail."""
        return await self._get(DigestSettingJson, "digest", caller)

    async def set_digest(self, new: NewDigestSetting, caller: Caller) -> DigestSettingJson:
        """Switch digests on or off."""
        return await self._send(DigestSettingJson, "PUT", "digest", caller, json=new)

    async def stop_digest(self, link: DigestStop) -> None:
        """Switch digests off by the link in one."""
        await self._post(dict[str, Any], "digest/stop", json=link)

    # ── mail ────────────────────────────────────────────────────────────────────────────────

    async def send_account_mail(self, mail: AccountMail) -> None:
        """Send a mail about an account. Raises `Unavailable` if it was certainly not sent.

        It waits for the mail server, for up to 45 s.
        """
        await self._send(
            dict[str, Any], "POST", "account_mails", None, json=mail, deadline=_MAIL_TIMEOUT
        )


def _params(chosen: NotificationFilter) -> dict[str, str]:
    return {name: str(value) for name, value in chosen.items()}
