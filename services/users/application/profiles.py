"""Profiles and accounts: read, edited, looked up, and searched by name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from services.chassis.errors import OutcomeUnknown, Unavailable
from services.shared.usernames import is_username
from services.users.application.name_index import NameIndex
from services.users.application.profile_bootstrap import ProfileBootstrap
from services.users.domain.account_view import AccountView
from services.users.domain.name_index import NameQuery, matches_query
from services.users.domain.profile_edits import (
    ProfileEdit,
    apply_edit,
    check_expected,
    mentioned_usernames,
)
from services.users.domain.profiles import ProfileMention, UserProfile, account_not_found
from services.users.repository import Repository

Account = dict[str, Any]


class _ProfileMissing(Exception):
    """The event of the registration has not arrived."""


class ProfileService:
    """Reads and edits profiles. `host` is the public host of this instance."""

    def __init__(
        self, repository: Repository, index: NameIndex, bootstrap: ProfileBootstrap, host: str
    ) -> None:
        self._repository = repository
        self._host = host
        self._index = index
        self._bootstrap = bootstrap

    async def own_account(self, id: str, username: str) -> Account:
        """Return the caller's account, with the number of follow requests. Two state calls.

        A few more, once, if the event of the registration has not arrived.
        """
        views, requests = await asyncio.gather(
            self._repository.account_views([id]), self._repository.lists("requests").head(id)
        )
        if id not in views:
            await self._create_missing(id, username)
            views = await self._repository.account_views([id])
        if id not in views:
            raise account_not_found()
        return views[id].account() | {"follow_requests": requests.total}

    async def edit(
        self, id: str, username: str, edit: ProfileEdit, expected: ProfileEdit
    ) -> Account:
        """Edit the caller's profile. Costs one `lookup` more if the edit mentions users.

        Raises `PreconditionFailed` if a value is another than expected.
        """
        mentioned = await self._mentioned(edit)
        try:
            await self._apply_edit(id, edit, expected, mentioned)
        except _ProfileMissing:
            await self._create_missing(id, username)
            await self._apply_edit(id, edit, expected, mentioned)
        return await self.own_account(id, username)

    async def account(self, id: str) -> Account:
        """Return an account. Raises `NotFound`. Costs what `accounts` costs."""
        accounts = await self.accounts([id])
        if id not in accounts:
            raise account_not_found()
        return accounts[id]

    async def accounts(self, ids: Iterable[str]) -> dict[str, Account]:
        """Return the accounts that exist, by id. One state call if all are known."""
        ids = list(ids)
        views = await self._repository.account_views(ids)
        missing = [id for id in ids if id not in views]
        if missing and await self._bootstrap.create_missing(missing):
            views = await self._repository.account_views(ids)
        return {id: view.account() for id, view in views.items()}

    async def lookup(self, usernames: Iterable[str]) -> dict[str, Account]:
        """Return the accounts with these usernames, by username as given. Two state calls.

        One invocation more if a username is unknown here.
        """
        by_given = {given: given.removeprefix("@").lower() for given in usernames}
        names = {name for name in by_given.values() if is_username(name)}
        known = await self._repository.names.get_many(names)
        ids = {name: owner.id for name, owner in known.items()}
        ids |= await self._bootstrap.find_by_usernames(names - ids.keys())
        accounts = await self.accounts(ids.values())
        found = {given: ids.get(name, "") for given, name in by_given.items()}
        return {given: accounts[id] for given, id in found.items() if id in accounts}

    async def search(self, text: str, viewer: str, limit: int, offset: int) -> list[Account]:
        """Search accounts by the beginning of usernames and words of names. Two state calls.

        One invocation more if the text is no username that is known here.

        Accounts that block the viewer are not found. Accounts that the viewer blocks are found by
        their complete username only: clients look accounts up to unblock them.
        """
        query = NameQuery.parse(text)
        exact, ids = await self._index.find(query)
        if not (exact or offset):
            found = await self._bootstrap.find_by_usernames([query.handle])
            ids = list(dict.fromkeys([*found.values(), *ids]))
        views = await self._repository.account_views(ids[offset : offset + limit], viewer)
        return [view.account() for view in views.values() if _may_be_found(view, query)]

    async def _create_missing(self, id: str, username: str) -> None:
        """Create the caller's profile before the event arrives, with the username of the token.

        If auth cannot be asked, the profile starts without role and locale.
        """
        try:
            exists = await self._bootstrap.create_missing([id])
        except (Unavailable, OutcomeUnknown):
            exists = False
        if not exists:
            await self._bootstrap.create_profile(id, username)

    async def _mentioned(self, edit: ProfileEdit) -> dict[str, ProfileMention]:
        """Return the mentioned users by username. None if they cannot be looked up."""
        usernames = mentioned_usernames(edit, self._host)
        try:
            found = await self.lookup(usernames) if usernames else {}
        except Unavailable:
            found = {}
        profiles: dict[str, UserProfile] = {name: one["profile"] for name, one in found.items()}
        return {name: ProfileMention(one.id, one.username) for name, one in profiles.items()}

    async def _apply_edit(
        self,
        id: str,
        edit: ProfileEdit,
        expected: ProfileEdit,
        users: dict[str, ProfileMention],
    ) -> None:
        def decide(profile: UserProfile | None) -> UserProfile:
            if profile is None:
                raise _ProfileMissing
            if profile.deleted:
                raise account_not_found()
            check_expected(profile, expected)
            return apply_edit(profile, edit, self._host, users)

        await self._repository.users.update(id, decide)


def _may_be_found(view: AccountView, query: NameQuery) -> bool:
    if view.is_separated and not (
        view.is_blocked_by_viewer_only and query.is_exact_handle(view.profile)
    ):
        return False
    return matches_query(query, view.profile)
