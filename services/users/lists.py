"""Pages of people: followers, following, and what is for their owner alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.chassis.errors import NotFound
from services.chassis.ids import timestamp
from services.chassis.storage.window import Row, Window
from services.users.store import Person, Store

Page = dict[str, Any]


class Lists:
    """What is shown of the lists that follow from edges. Two state calls, or three further down."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def public(self, kind: str, owner: str, viewer: str, window: Window) -> Page:
        """Somebody's followers, or whom they follow, without those who and the viewer are apart.

        Nobody is shown to whom the owner blocks, nor of a suspended one. Raises `NotFound`.
        """
        store = self._store
        keys = [store.users.key(owner), store.lists(kind).heads.key(owner)]
        rows = await store.state.get_many([*keys, store.edge_key(owner, viewer)])
        profile = store.profile_in(rows, owner)
        if profile is None:
            raise NotFound("There is no such account.")
        if profile.suspended or store.edge_in(rows, owner, viewer).blocking:
            return _page([], {}, window)
        listed = await store.lists(kind).read(store.head_in(rows, kind, owner), window)
        return await self._show(listed, viewer, window, lambda person: not person.apart)

    async def own(self, kind: str, owner: str, window: Window) -> Page:
        """One of the caller's own lists: as the edges say, where the list is a moment behind."""
        now = timestamp()
        shown: dict[str, Callable[[Person], bool]] = {
            "blocks": lambda person: person.edge.blocking,
            "mutes": lambda person: person.edge.muting(now),
            "requests": lambda person: person.reverse.requested and not person.apart,
        }
        listed = await self._store.lists(kind).page(owner, window)
        return await self._show(listed, owner, window, shown[kind], ending=kind == "mutes")

    async def _show(
        self,
        listed: list[Row],
        viewer: str,
        window: Window,
        shows: Callable[[Person], bool],
        *,
        ending: bool = False,
    ) -> Page:
        people = await self._store.people([row[1] for row in listed], viewer)
        seen = {id: person for id, person in people.items() if shows(person)}
        page = _page(listed, seen, window)
        if ending:
            ids = [account["profile"].id for account in page["accounts"]]
            page["until"] = [people[id].edge.muted_until for id in ids]
        return page


def _page(listed: list[Row], people: dict[str, Person], window: Window) -> Page:
    shown = [row for row in listed if row[1] in people]
    return {
        "ids": [row[0] for row in shown],
        "accounts": [people[row[1]].account() for row in shown],
        "more": window.next_cursor(listed),
    }
