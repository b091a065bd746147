"""Pages of people: followers, following, and what is for their owner alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.chassis.errors import NotFound
from services.chassis.ids import timestamp
from services.chassis.storage.window import Row, Window
from services.users.repository import AccountView, Repository

Page = dict[str, Any]


class RelationshipQueries:
    """What is shown of the lists that follow from edges. Two state calls, or three further down."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def public_page(self, kind: str, owner: str, viewer: str, window: Window) -> Page:
        """Somebody's followers, or whom they follow, without those who and the viewer are apart.

        Nobody is shown to whom the owner blocks, nor of a suspended one. Raises `NotFound`.
        """
        repository = self._repository
        keys = [repository.users.key(owner), repository.lists(kind).heads.key(owner)]
        rows = await repository.state.get_many([*keys, repository.edge_key(owner, viewer)])
        profile = repository.decode_profile(rows, owner)
        if profile is None:
            raise NotFound("There is no such account.")
        if profile.suspended or repository.decode_edge(rows, owner, viewer).blocking:
            return _page([], {}, window)
        listed = await repository.lists(kind).read(
            repository.decode_head(rows, kind, owner), window
        )
        return await self._page_of(listed, viewer, window, lambda person: not person.is_separated)

    async def own_page(self, kind: str, owner: str, window: Window) -> Page:
        """One of the caller's own lists: as the edges say, where the list is a moment behind."""
        now = timestamp()
        shown: dict[str, Callable[[AccountView], bool]] = {
            "blocks": lambda person: person.edge.blocking,
            "mutes": lambda person: person.edge.muting(now),
            "requests": lambda person: person.reverse.requested and not person.is_separated,
        }
        listed = await self._repository.lists(kind).page(owner, window)
        return await self._page_of(listed, owner, window, shown[kind], ending=kind == "mutes")

    async def _page_of(
        self,
        listed: list[Row],
        viewer: str,
        window: Window,
        shows: Callable[[AccountView], bool],
        *,
        ending: bool = False,
    ) -> Page:
        people = await self._repository.account_views([row[1] for row in listed], viewer)
        seen = {id: person for id, person in people.items() if shows(person)}
        page = _page(listed, seen, window)
        if ending:
            ids = [account["profile"].id for account in page["accounts"]]
            page["until"] = [people[id].edge.muted_until for id in ids]
        return page


def _page(listed: list[Row], people: dict[str, AccountView], window: Window) -> Page:
    shown = [row for row in listed if row[1] in people]
    return {
        "ids": [row[0] for row in shown],
        "accounts": [people[row[1]].account() for row in shown],
        "more": window.next_cursor(listed),
    }
