"""Conversations: what comes into them, and what their owners read and do.

The document of each person's conversation is decided, and their list follows it: a row
`[last post, conversation]`. Both may hold too much (a post that was deleted while its news came out
of order): what is shown of a page is decided on reading, as in every timeline.

State calls of a page: six, however long the list and the conversations are; more only where what
would be shown is hidden or deleted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from services.chassis.errors import NotFound, Unavailable
from services.chassis.storage.window import Row, Window
from services.feed.application.timeline_queries import TimelineItem, TimelineQueries, account_view
from services.feed.domain import DIRECT, ReaderRelations, is_visible_account
from services.feed.domain.conversations import (
    ConversationRecord,
    clear,
    set_read,
    with_post,
    without_post,
)
from services.feed.repository import Repository

_CONCURRENCY = 8
_MAX_PAGES_SCANNED = 3
_MAX_ATTEMPTS = 8
_MAX_OLDER_POSTS = 10
"""How many more posts of a conversation are looked at where its last one is not to be shown."""


class ConversationService:
    """Everybody's."""

    def __init__(self, repository: Repository, timelines: TimelineQueries) -> None:
        self._repository = repository
        self._queries = timelines

    # ── what comes in ───────────────────────────────────────────────────────────────────────

    async def add(self, post: Mapping[str, Any], places: Iterable[tuple[str, str]]) -> None:
        """Put a post into conversations, given by owners and ids.

        Some ten state calls for each of them. May be repeated at will.
        """
        slots = asyncio.Semaphore(_CONCURRENCY)

        async def add(owner: str, id: str) -> None:
            async with slots:
                await self._repository.conversations.update(
                    f"{owner}:{id}", lambda known: with_post(known, owner, post)
                )
                await self._reconcile_list(owner, id)

        await asyncio.gather(*(add(owner, id) for owner, id in places))
        for owner in await self._repository.find_deleted([owner for owner, _ in places]):
            await self._repository.delete_conversations(owner)

    async def remove(self, post: str, places: Iterable[tuple[str, str]]) -> None:
        """Take a post out again."""
        for owner, id in places:
            await self._repository.conversations.update(
                f"{owner}:{id}", lambda known: without_post(known, post) if known else None
            )
            await self._reconcile_list(owner, id, [post])

    async def _reconcile_list(self, owner: str, id: str, gone: Sequence[str] = ()) -> None:
        """Make the owner's list say what a document says, and see that it still says so."""
        lists, key = self._repository.conversation_lists, f"{owner}:{id}"
        seen = await self._repository.conversations.get(key)
        for _ in range(_MAX_ATTEMPTS):
            last = seen.last_post if seen else ""
            head = await (lists.insert(owner, [[last, id]]) if last else lists.head(owner))
            wrong = {*gone, *(seen.posts if seen else ())} - {last}
            wrong |= {row[0] for row in head.recent if row[1] == id and row[0] != last}
            if held := [post for post in wrong if head.may_hold(post)]:
                await lists.remove(owner, held)
            now = await self._repository.conversations.get(key)
            if now == seen:
                return
            seen = now
        raise Unavailable(f"The conversation {key} keeps changing.")

    # ── what its owner does ─────────────────────────────────────────────────────────────────

    async def mark(self, owner: str, id: str, *, read: bool) -> dict[str, Any]:
        """Say that it has been read, or not; what it is then. Raises `NotFound`."""
        await self.get(owner, id)
        await self._repository.conversations.update(
            f"{owner}:{id}", lambda known: set_read(known, read=read) if known else None
        )
        return await self.get(owner, id)

    async def clear(self, owner: str, id: str) -> None:
        """Put it away, until something more is written in it. Raises `NotFound`."""
        known = await self._repository.conversations.get(f"{owner}:{id}")
        if known is None or not known.last_post:
            raise conversation_not_found()
        await self._repository.conversations.update(
            f"{owner}:{id}", lambda known: clear(known) if known else None
        )
        await self._reconcile_list(owner, id)

    # ── pages ───────────────────────────────────────────────────────────────────────────────

    async def get(self, owner: str, id: str) -> dict[str, Any]:
        """A `contracts.conversations.ConversationPage` of one. Raises `NotFound`."""
        known = await self._repository.conversations.get(f"{owner}:{id}")
        found = await self._visible(owner, {id: known}) if known else {}
        if not found:
            raise conversation_not_found()
        last = known.last_post if known else ""
        return await self._page(owner, list(found.values()), first=last, last=last)

    async def page(self, owner: str, window: Window) -> dict[str, Any]:
        """A `contracts.conversations.ConversationPage`; empty only at the end of the list."""
        lists = self._repository.conversation_lists
        head, first, last, more = await lists.head(owner), "", "", ""
        views: list[dict[str, Any]] = []
        for _ in range(_MAX_PAGES_SCANNED):
            rows = await lists.read(head, window)
            more = window.next_cursor(rows)
            if not rows:
                break
            views += (await self._visible(owner, await self._load(owner, rows))).values()
            first, last = max(first, rows[0][0]), min(last or "~", rows[-1][0])
            if views or not more:
                break
            window = _next_window(window, rows)
        return await self._page(owner, views, first=first, last=last, more=more)

    async def _load(self, owner: str, rows: Sequence[Row]) -> dict[str, ConversationRecord]:
        """The conversations of some rows, as far as these are their places. One state call."""
        docs = await self._repository.conversations.get_many([f"{owner}:{row[1]}" for row in rows])
        there = {row[1]: docs.get(f"{owner}:{row[1]}") for row in rows}
        return {row[1]: doc for row in rows if (doc := there[row[1]]) and doc.last_post == row[0]}

    async def _visible(
        self, owner: str, conversations: Mapping[str, ConversationRecord]
    ) -> dict[str, dict[str, Any]]:
        """Those that the owner may be shown, as `ConversationView`s, by id."""
        stance = await self._relations(owner, conversations.values())
        open_ = {id: one.readable_posts(owner, stance.can_see) for id, one in conversations.items()}
        last = await self._newest_visible(
            owner, conversations, {id: ids[:1] for id, ids in open_.items()}
        )
        further = {id: ids[1:_MAX_OLDER_POSTS] for id, ids in open_.items() if id not in last}
        last |= await self._newest_visible(owner, conversations, further)
        return {
            id: {
                "id": id,
                "place": one.last_post,
                "unread": one.is_unread(owner, last[id].post_id),
                "people": one.others(owner) or [owner],
                "last": last[id].view(),
            }
            for id, one in conversations.items()
            if id in last
        }

    async def _relations(
        self, owner: str, conversations: Iterable[ConversationRecord]
    ) -> ReaderRelations:
        """Whom the owner sees, of all who are in some conversations."""
        stance = await self._repository.relations.get(owner) or ReaderRelations()
        people = {person for one in conversations for person in one.people}
        return (await self._repository.with_block_states({owner: stance}, people))[owner]

    async def _newest_visible(
        self,
        owner: str,
        conversations: Mapping[str, ConversationRecord],
        posts: Mapping[str, Sequence[str]],
    ) -> dict[str, TimelineItem]:
        """Of some posts of each conversation the newest that may be seen."""
        rows = [[post, conversations[id].posts[post], DIRECT] for id in posts for post in posts[id]]
        if not rows:
            return {}
        shown = {one.post_id: one for one in await self._queries.get_posts(rows, owner)}
        found = {id: [shown[post] for post in posts[id] if post in shown] for id in posts}
        return {id: newest[0] for id, newest in found.items() if newest}

    async def _page(
        self, owner: str, views: list[dict[str, Any]], *, first: str, last: str, more: str = ""
    ) -> dict[str, Any]:
        people = {person for view in views for person in (*view["people"], owner)}
        keys = {id: self._repository.accounts.key(id) for id in people}
        docs = await self._repository.cache.read(keys.values()) if keys else {}
        there = {id: doc["data"] for id, key in keys.items() if (doc := docs.get(key))}
        accounts = {id: one for id, one in there.items() if is_visible_account(one["profile"])}
        for view in views:
            view["people"] = [id for id in view["people"] if id in accounts] or [owner]
        return {
            "conversations": views,
            "accounts": {id: account_view(person) for id, person in accounts.items()},
            "first": first,
            "last": last,
            "more": more,
        }


def conversation_not_found() -> NotFound:
    """Not there, and somebody else's, are told apart by nobody."""
    return NotFound("There is no such conversation.")


def _next_window(window: Window, rows: Sequence[Row]) -> Window:
    """The window that goes on where some rows end."""
    if window.ascending:
        return replace(window, min_id=rows[0][0])
    return replace(window, max_id=rows[-1][0])
