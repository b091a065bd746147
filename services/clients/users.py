"""The users service: accounts, relationships, followed hashtags, reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from services.chassis.dapr.client import INVOKE_TIMEOUT
from services.chassis.errors import NotFound
from services.chassis.security.caller import Caller
from services.chassis.storage.window import Window
from services.clients.base import (
    ExportingClient,
    JsonInvoker,
    JsonRequest,
    batches,
    gather_all,
    given,
)
from services.clients.json_types.accounts import (
    AccountJson,
    AccountListJson,
    EditedProfileJson,
    FamiliarFollowersJson,
    OwnAccountJson,
    RelationshipJson,
    ReportJson,
    ReportListJson,
    SuggestionJson,
    TagFollowedJson,
    TagListJson,
)
from services.clients.paths import numeric_id, quoted
from services.clients.shared_lookups import SharedLookups
from services.contracts.discovery import Statistics
from services.contracts.moderation import NewReport

ReportAction = Literal["assign", "unassign", "resolve", "reopen"]


def accounts_request(ids: Sequence[str]) -> JsonRequest:
    """At most 80 accounts by id."""
    return JsonRequest("accounts", {"ids": ",".join(ids)})


def relationships_request(ids: Sequence[str]) -> JsonRequest:
    """The caller's relationships to at most 80 accounts."""
    return JsonRequest("relationships", {"ids": ",".join(ids)})


class UsersClient(ExportingClient):
    """Routes of the users service."""

    app_id = "users"

    def __init__(self, invoker: JsonInvoker, timeout: float = INVOKE_TIMEOUT) -> None:
        super().__init__(invoker, timeout)
        self._accounts = SharedLookups("accounts", self._request_accounts)
        self._relationships = SharedLookups("relationships", self._request_relationships)

    # ── accounts ────────────────────────────────────────────────────────────────────────────

    async def accounts(self, ids: Sequence[str]) -> dict[str, AccountJson]:
        """Accounts by id, without those that do not exist. Lookups at the same time share calls."""
        return await self._accounts.find(ids)

    async def _request_accounts(self, ids: Sequence[str]) -> dict[str, AccountJson]:
        parts = (
            self._request(dict[str, AccountJson], accounts_request(part), None)
            for part in batches(ids)
        )
        found: dict[str, AccountJson] = {}
        for part in await gather_all(*parts):
            found |= part
        return found

    async def account(self, id: str) -> AccountJson:
        """One account. Raises `NotFound`."""
        return await self._get(AccountJson, f"accounts/{numeric_id(id)}")

    async def accounts_named(
        self, usernames: Sequence[str], caller: Caller | None = None
    ) -> dict[str, AccountJson]:
        """Accounts by username, without those that do not exist."""
        body = {"usernames": list(usernames)}
        return await self._post(dict[str, AccountJson], "lookups", caller, json=body)

    async def account_named(self, username: str) -> AccountJson:
        """One account by its username in any case. Raises `NotFound`."""
        for account in (await self.accounts_named([username])).values():
            if account["profile"]["username"].lower() == username.lower():
                return account
        raise NotFound("There is no account with this username.")

    async def own_account(self, caller: Caller) -> OwnAccountJson:
        """The caller's own account."""
        return await self._get(OwnAccountJson, "accounts/me", caller)

    async def update_profile(self, changes: EditedProfileJson, caller: Caller) -> OwnAccountJson:
        """Change parts of the caller's profile."""
        return await self._send(OwnAccountJson, "PATCH", "accounts/me", caller, json=changes)

    async def search(
        self, q: str, caller: Caller, *, limit: int, offset: int = 0
    ) -> list[AccountJson]:
        """Accounts by the beginning of a name."""
        params = {"q": q, "limit": str(limit), "offset": str(offset)}
        return await self._get(list[AccountJson], "search", caller, params)

    async def directory(
        self, caller: Caller | None, *, order: str, limit: int, offset: int
    ) -> list[AccountJson]:
        """Accounts that let themselves be found."""
        params = {"order": order, "limit": str(limit), "offset": str(offset)}
        return await self._get(list[AccountJson], "directory", caller, params)

    async def suggestions(self, caller: Caller, *, limit: int) -> list[SuggestionJson]:
        """Accounts that the caller might want to follow."""
        return await self._get(list[SuggestionJson], "suggestions", caller, {"limit": str(limit)})

    async def dismiss_suggestion(self, id: str, caller: Caller) -> None:
        """Suggest an account no more."""
        await self._send(dict[str, str], "DELETE", f"suggestions/{numeric_id(id)}", caller)

    async def statistics(self) -> Statistics:
        """How many users and posts there are."""
        return await self._get(Statistics, "statistics")

    # ── relationships ───────────────────────────────────────────────────────────────────────

    async def relationships(self, ids: Sequence[str], caller: Caller) -> list[RelationshipJson]:
        """The caller's relationships to at most 80 accounts."""
        return await self._request(list[RelationshipJson], relationships_request(ids), caller)

    async def relationships_of(
        self, source: str, targets: Sequence[str]
    ) -> dict[str, RelationshipJson]:
        """A user's relationships to accounts, by id, without those that do not exist.

        For the service posts, which has checked who asks. Lookups at the same time share calls.
        """
        found = await self._relationships.find((source, target) for target in targets)
        return {target: row for (_, target), row in found.items()}

    async def _request_relationships(
        self, pairs: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], RelationshipJson]:
        targets: dict[str, list[str]] = {}
        for source, target in pairs:
            targets.setdefault(source, []).append(target)
        answer = await self._post(
            dict[str, list[RelationshipJson]], "relationships", json={"targets": targets}
        )
        return {(source, row["id"]): row for source, rows in answer.items() for row in rows}

    async def familiar_followers(
        self, ids: Sequence[str], caller: Caller
    ) -> list[FamiliarFollowersJson]:
        """Of those whom the caller follows, who follows each of some accounts."""
        params = {"ids": ",".join(ids)}
        return await self._get(list[FamiliarFollowersJson], "familiar_followers", caller, params)

    async def follow(
        self, id: str, caller: Caller, *, reblogs: bool | None = None, notify: bool | None = None
    ) -> RelationshipJson:
        """Follow an account, or request to, where it is locked."""
        body = {"reblogs": reblogs, "notify": notify}
        return await self._post(
            RelationshipJson, f"accounts/{numeric_id(id)}/follow", caller, json=body
        )

    async def mute(
        self, id: str, caller: Caller, *, notifications: bool = True, seconds: int = 0
    ) -> RelationshipJson:
        """Mute an account for some seconds, or with 0 indefinitely."""
        body = {"notifications": notifications, "duration": seconds}
        return await self._post(
            RelationshipJson, f"accounts/{numeric_id(id)}/mute", caller, json=body
        )

    async def set_note(self, id: str, comment: str, caller: Caller) -> RelationshipJson:
        """Keep a private note on an account."""
        body = {"comment": comment}
        return await self._post(
            RelationshipJson, f"accounts/{numeric_id(id)}/note", caller, json=body
        )

    async def unfollow(self, id: str, caller: Caller) -> RelationshipJson:
        """Follow an account no more."""
        return await self._change(f"accounts/{numeric_id(id)}/unfollow", caller)

    async def remove_from_followers(self, id: str, caller: Caller) -> RelationshipJson:
        """Have an account follow the caller no more."""
        return await self._change(f"accounts/{numeric_id(id)}/remove_from_followers", caller)

    async def block(self, id: str, caller: Caller) -> RelationshipJson:
        """Block an account."""
        return await self._change(f"accounts/{numeric_id(id)}/block", caller)

    async def unblock(self, id: str, caller: Caller) -> RelationshipJson:
        """End a block."""
        return await self._change(f"accounts/{numeric_id(id)}/unblock", caller)

    async def unmute(self, id: str, caller: Caller) -> RelationshipJson:
        """End a mute."""
        return await self._change(f"accounts/{numeric_id(id)}/unmute", caller)

    async def answer_follow_request(
        self, id: str, answer: Literal["authorize", "reject"], caller: Caller
    ) -> RelationshipJson:
        """Accept or reject an account's request to follow the caller."""
        return await self._change(f"follow_requests/{numeric_id(id)}/{answer}", caller)

    async def _change(self, path: str, caller: Caller) -> RelationshipJson:
        return await self._post(RelationshipJson, path, caller)

    # ── lists of accounts ───────────────────────────────────────────────────────────────────

    async def followers(self, id: str, caller: Caller | None, window: Window) -> AccountListJson:
        """Who follows an account, the newest first."""
        return await self._list(f"accounts/{numeric_id(id)}/followers", caller, window)

    async def following(self, id: str, caller: Caller | None, window: Window) -> AccountListJson:
        """Whom an account follows, the newest first."""
        return await self._list(f"accounts/{numeric_id(id)}/following", caller, window)

    async def blocks(self, caller: Caller, window: Window) -> AccountListJson:
        """Whom the caller blocks."""
        return await self._list("blocks", caller, window)

    async def mutes(self, caller: Caller, window: Window) -> AccountListJson:
        """Whom the caller mutes, with the end of each mute."""
        return await self._list("mutes", caller, window)

    async def follow_requests(self, caller: Caller, window: Window) -> AccountListJson:
        """Who requests to follow the caller."""
        return await self._list("follow_requests", caller, window)

    async def _list(self, path: str, caller: Caller | None, window: Window) -> AccountListJson:
        return await self._get(AccountListJson, path, caller, window.params())

    # ── hashtags ────────────────────────────────────────────────────────────────────────────

    async def followed_tags(self, caller: Caller, window: Window) -> TagListJson:
        """The hashtags that the caller follows, the newest first."""
        return await self._get(TagListJson, "tags", caller, window.params())

    async def set_tag_follow(
        self, name: str, action: Literal["follow", "unfollow"], caller: Caller
    ) -> TagFollowedJson:
        """Follow a hashtag, or no more."""
        return await self._post(TagFollowedJson, f"tags/{quoted(name)}/{action}", caller)

    # ── reports ─────────────────────────────────────────────────────────────────────────────

    async def report(self, new: NewReport, caller: Caller) -> ReportJson:
        """Report an account to the admins."""
        return await self._post(ReportJson, "reports", caller, json=new)

    async def reports(
        self, caller: Caller, window: Window, *, resolved: bool, account: str, target: str
    ) -> ReportListJson:
        """Open or resolved reports, optionally by or on an account."""
        params = window.params() | given(resolved=resolved, account=account, target=target)
        return await self._get(ReportListJson, "reports", caller, params)

    async def report_by_id(self, id: str, caller: Caller) -> ReportJson:
        """One report."""
        return await self._get(ReportJson, f"reports/{numeric_id(id)}", caller)

    async def change_report(self, id: str, action: ReportAction, caller: Caller) -> ReportJson:
        """Resolve, reopen, take on or leave a report."""
        return await self._post(ReportJson, f"reports/{numeric_id(id)}/{action}", caller)
