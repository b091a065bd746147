"""Profiles: made, changed, shown, looked up, found by name."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from typing import Any

from services.chassis.errors import NotFound, OutcomeUnknown, Unavailable
from services.users.domain.names import Query, answers
from services.users.domain.profiles import Changes, Mention, Profile, changed, names
from services.users.index import Index
from services.users.newcomers import Newcomers, make_profile
from services.users.store import Person, Store

Account = dict[str, Any]

_USERNAME = re.compile(r"\w{1,100}", re.ASCII)


class _Late(Exception):
    """The news of a registration has not come yet."""


class People:
    """What others ask about people. `host` is this place."""

    def __init__(self, store: Store, index: Index, newcomers: Newcomers, host: str) -> None:
        self._store = store
        self._host = host
        self._index = index
        self._newcomers = newcomers

    async def me(self, id: str, username: str) -> Account:
        """The caller's own account, with how many ask to follow them. Two state calls.

        A few more, once, if the news of their registration has not come yet.
        """
        people, requests = await asyncio.gather(
            self._store.people([id]), self._store.lists("requests").head(id)
        )
        if id not in people:
            await self._make(id, username)
            people = await self._store.people([id])
        return _there(people, id).account() | {"follow_requests": requests.total}

    async def change(self, id: str, username: str, changes: Changes) -> Account:
        """Change the caller's own profile. As `lookup` more, if it mentions anybody."""
        mentioned = await self._mentioned(changes)
        try:
            await self._decide(id, changes, mentioned)
        except _Late:
            await self._make(id, username)
            await self._decide(id, changes, mentioned)
        return await self.me(id, username)

    async def _make(self, id: str, username: str) -> None:
        """Make the profile of somebody of whom the news has not come yet, as it would be.

        Where nobody can say what it says, their token says their name.
        """
        try:
            is_made = await self._newcomers.fetch([id])
        except (Unavailable, OutcomeUnknown):
            is_made = False
        if not is_made:
            await make_profile(self._store, id, username)

    async def _mentioned(self, changes: Changes) -> dict[str, Mention]:
        """Those who are named in changes, by their names; without a link, where that is unknown."""
        sought = names(changes, self._host)
        try:
            found = await self.lookup(sought) if sought else {}
        except Unavailable:
            found = {}
        profiles: dict[str, Profile] = {name: one["profile"] for name, one in found.items()}
        return {name: Mention(one.id, one.username) for name, one in profiles.items()}

    async def _decide(self, id: str, changes: Changes, people: dict[str, Mention]) -> None:
        def decide(profile: Profile | None) -> Profile:
            if profile is None:
                raise _Late
            if profile.deleted:
                raise _not_found()
            return changed(profile, changes, self._host, people)

        await self._store.users.update(id, decide)

    async def account(self, id: str) -> Account:
        """Somebody's account. Raises `NotFound`. As `accounts`."""
        accounts = await self.accounts([id])
        if id not in accounts:
            raise _not_found()
        return accounts[id]

    async def accounts(self, ids: Iterable[str]) -> dict[str, Account]:
        """Those of some accounts that are there, by id. One state call, if they are all there."""
        ids = list(ids)
        people = await self._store.people(ids)
        missing = [id for id in ids if id not in people]
        if missing and await self._newcomers.fetch(missing):
            people = await self._store.people(ids)
        return {id: person.account() for id, person in people.items()}

    async def lookup(self, usernames: Iterable[str]) -> dict[str, Account]:
        """Those of some usernames that are somebody's, as they were given. Two state calls.

        And one invocation, if any is nobody's here.
        """
        asked = {given: given.removeprefix("@").lower() for given in usernames}
        names = {name for name in asked.values() if _USERNAME.fullmatch(name)}
        known = await self._store.names.get_many(names)
        ids = {name: kept.id for name, kept in known.items()}
        ids |= await self._newcomers.named(names - ids.keys())
        accounts = await self.accounts(ids.values())
        found = {given: ids.get(name, "") for given, name in asked.items()}
        return {given: accounts[id] for given, id in found.items() if id in accounts}

    async def search(self, text: str, viewer: str, limit: int, offset: int) -> list[Account]:
        """People whose handle, or a word of whose name, begins as was typed. Two state calls.

        And one invocation, if it is nobody's whole handle here.

        Who blocks the viewer is not found, and whom they block only by the whole handle: clients
        look people up so to unblock them.
        """
        query = Query.of(text)
        exact, ids = await self._index.find(query)
        if not (exact or offset):
            newcomers = await self._newcomers.named([query.handle])
            ids = list(dict.fromkeys([*newcomers.values(), *ids]))
        people = await self._store.people(ids[offset : offset + limit], viewer)
        return [p.account() for p in people.values() if _may_be_found(p, query)]


def _may_be_found(person: Person, query: Query) -> bool:
    if person.apart and not (person.parted_by_viewer and query.names(person.profile)):
        return False
    return answers(query, person.profile)


def _there(people: dict[str, Person], id: str) -> Person:
    if id not in people:
        raise _not_found()
    return people[id]


def _not_found() -> NotFound:
    return NotFound("There is no such account.")
