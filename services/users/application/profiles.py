"""Profiles: made, changed, shown, looked up, found by name."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from typing import Any

from services.chassis.errors import NotFound, OutcomeUnknown, Unavailable
from services.users.application.name_index import NameIndex
from services.users.application.profile_bootstrap import ProfileBootstrap, create_profile
from services.users.domain.name_index import NameQuery, matches_query
from services.users.domain.profiles import (
    ProfileEdit,
    ProfileMention,
    UserProfile,
    apply_edit,
    mentioned_usernames,
)
from services.users.repository import AccountView, Repository

Account = dict[str, Any]

_USERNAME = re.compile(r"\w{1,100}", re.ASCII)


class _ProfileMissing(Exception):
    """The news of a registration has not come yet."""


class ProfileService:
    """What others ask about people. `host` is this place."""

    def __init__(
        self, repository: Repository, index: NameIndex, newcomers: ProfileBootstrap, host: str
    ) -> None:
        self._repository = repository
        self._host = host
        self._index = index
        self._newcomers = newcomers

    async def own_account(self, id: str, username: str) -> Account:
        """The caller's own account, with how many ask to follow them. Two state calls.

        A few more, once, if the news of their registration has not come yet.
        """
        people, requests = await asyncio.gather(
            self._repository.account_views([id]), self._repository.lists("requests").head(id)
        )
        if id not in people:
            await self._create_missing(id, username)
            people = await self._repository.account_views([id])
        return _there(people, id).account() | {"follow_requests": requests.total}

    async def update_profile(self, id: str, username: str, changes: ProfileEdit) -> Account:
        """Change the caller's own profile. As `lookup` more, if it mentions anybody."""
        mentioned = await self._mentioned(changes)
        try:
            await self._apply_edit(id, changes, mentioned)
        except _ProfileMissing:
            await self._create_missing(id, username)
            await self._apply_edit(id, changes, mentioned)
        return await self.own_account(id, username)

    async def _create_missing(self, id: str, username: str) -> None:
        """Make the profile of somebody of whom the news has not come yet, as it would be.

        Where nobody can say what it says, their token says their name.
        """
        try:
            is_made = await self._newcomers.create_missing([id])
        except (Unavailable, OutcomeUnknown):
            is_made = False
        if not is_made:
            await create_profile(self._repository, id, username)

    async def _mentioned(self, changes: ProfileEdit) -> dict[str, ProfileMention]:
        """Those who are named in changes, by their names; without a link, where that is unknown."""
        sought = mentioned_usernames(changes, self._host)
        try:
            found = await self.lookup(sought) if sought else {}
        except Unavailable:
            found = {}
        profiles: dict[str, UserProfile] = {name: one["profile"] for name, one in found.items()}
        return {name: ProfileMention(one.id, one.username) for name, one in profiles.items()}

    async def _apply_edit(
        self, id: str, changes: ProfileEdit, people: dict[str, ProfileMention]
    ) -> None:
        def decide(profile: UserProfile | None) -> UserProfile:
            if profile is None:
                raise _ProfileMissing
            if profile.deleted:
                raise _not_found()
            return apply_edit(profile, changes, self._host, people)

        await self._repository.users.update(id, decide)

    async def account(self, id: str) -> Account:
        """Somebody's account. Raises `NotFound`. As `accounts`."""
        accounts = await self.accounts([id])
        if id not in accounts:
            raise _not_found()
        return accounts[id]

    async def accounts(self, ids: Iterable[str]) -> dict[str, Account]:
        """Those of some accounts that are there, by id. One state call, if they are all there."""
        ids = list(ids)
        people = await self._repository.account_views(ids)
        missing = [id for id in ids if id not in people]
        if missing and await self._newcomers.create_missing(missing):
            people = await self._repository.account_views(ids)
        return {id: person.account() for id, person in people.items()}

    async def lookup(self, usernames: Iterable[str]) -> dict[str, Account]:
        """Those of some usernames that are somebody's, as they were given. Two state calls.

        And one invocation, if any is nobody's here.
        """
        asked = {given: given.removeprefix("@").lower() for given in usernames}
        mentioned_usernames = {name for name in asked.values() if _USERNAME.fullmatch(name)}
        known = await self._repository.names.get_many(mentioned_usernames)
        ids = {name: kept.id for name, kept in known.items()}
        ids |= await self._newcomers.find_by_usernames(mentioned_usernames - ids.keys())
        accounts = await self.accounts(ids.values())
        found = {given: ids.get(name, "") for given, name in asked.items()}
        return {given: accounts[id] for given, id in found.items() if id in accounts}

    async def search(self, text: str, viewer: str, limit: int, offset: int) -> list[Account]:
        """People whose handle, or a word of whose name, begins as was typed. Two state calls.

        And one invocation, if it is nobody's whole handle here.

        Who blocks the viewer is not found, and whom they block only by the whole handle: clients
        look people up so to unblock them.
        """
        query = NameQuery.parse(text)
        exact, ids = await self._index.find(query)
        if not (exact or offset):
            newcomers = await self._newcomers.find_by_usernames([query.handle])
            ids = list(dict.fromkeys([*newcomers.values(), *ids]))
        people = await self._repository.account_views(ids[offset : offset + limit], viewer)
        return [p.account() for p in people.values() if _may_be_found(p, query)]


def _may_be_found(person: AccountView, query: NameQuery) -> bool:
    if person.is_separated and not (
        person.is_blocked_by_viewer_only and query.is_exact_handle(person.profile)
    ):
        return False
    return matches_query(query, person.profile)


def _there(people: dict[str, AccountView], id: str) -> AccountView:
    if id not in people:
        raise _not_found()
    return people[id]


def _not_found() -> NotFound:
    return NotFound("There is no such account.")
