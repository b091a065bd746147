"""Pages of accounts: followers, followed accounts, and the private lists of their owner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.chassis.ids import timestamp
from services.chassis.storage.window import Row, Window
from services.users.domain.account_view import AccountView
from services.users.domain.profiles import account_not_found
from services.users.repository import Repository

Page = dict[str, Any]


class RelationshipQueries:
    """Lists accounts. Two state calls, or three on later pages."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def public_page(self, kind: str, owner: str, viewer: str, window: Window) -> Page:
        """List the followers of an account, or the accounts that it follows. Raises `NotFound`.

        Accounts that are separated from the viewer are left out. The list is empty if the owner
        blocks the viewer or is suspended.
        """
        repository = self._repository
        keys = [repository.users.key(owner), repository.lists(kind).heads.key(owner)]
        rows = await repository.state.get_many([*keys, repository.edge_key(owner, viewer)])
        profile = repository.decode_profile(rows, owner)
        if profile is None:
            raise account_not_found()
        if profile.suspended or repository.decode_edge(rows, owner, viewer).blocking:
            return _page([], {}, window)
        listed = await repository.lists(kind).read(
            repository.decode_head(rows, kind, owner), window
        )
        return await self._page_of(listed, viewer, window, lambda view: not view.is_separated)

    async def own_page(self, kind: str, owner: str, window: Window) -> Page:
        """List blocks, mutes or follow requests of the caller. Edges decide if the list lags."""
        now = timestamp()
        shown: dict[str, Callable[[AccountView], bool]] = {
            "blocks": lambda view: view.edge.blocking,
            "mutes": lambda view: view.edge.muting(now),
            "requests": lambda view: view.reverse.requested and not view.is_separated,
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
        views = await self._repository.account_views([row[1] for row in listed], viewer)
        seen = {id: view for id, view in views.items() if shows(view)}
        page = _page(listed, seen, window)
        if ending:
            ids = [account["profile"].id for account in page["accounts"]]
            page["until"] = [views[id].edge.muted_until for id in ids]
        return page


def _page(listed: list[Row], views: dict[str, AccountView], window: Window) -> Page:
    shown = [row for row in listed if row[1] in views]
    return {
        "ids": [row[0] for row in shown],
        "accounts": [views[row[1]].account() for row in shown],
        "more": window.next_cursor(listed),
    }
