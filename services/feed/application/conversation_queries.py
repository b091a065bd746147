"""Queries of conversations.

State calls of a page: six, however long the list and the conversations are. More are needed only
if what would be shown is hidden or deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.chassis.storage.window import Row, Window
from services.feed.application.conversations import conversation_not_found
from services.feed.application.post_loader import PostLoader
from services.feed.application.timeline_page import TimelineItem, account_view
from services.feed.domain.conversations import ConversationRecord
from services.feed.domain.projections import is_visible_account
from services.feed.domain.relations import ReaderRelations
from services.feed.domain.rows import DIRECT
from services.feed.repository import Repository

_MAX_PAGES_SCANNED = 3
_MAX_OLDER_POSTS = 10
"""How many older posts of a conversation are tried if its last one cannot be shown."""


class ConversationQueries:
    """Reads the conversations of one participant."""

    def __init__(self, repository: Repository, loader: PostLoader) -> None:
        self._repository = repository
        self._loader = loader

    async def get(self, owner: str, id: str) -> dict[str, Any]:
        """Return a `contracts.conversations.ConversationPage` with one. Raises `NotFound`."""
        known = await self._repository.conversations.get(f"{owner}:{id}")
        found = await self._visible(owner, {id: known}) if known else {}
        if not found:
            raise conversation_not_found()
        last = known.last_post if known else ""
        return await self._page(owner, list(found.values()), first=last, last=last)

    async def page(self, owner: str, window: Window) -> dict[str, Any]:
        """Return a `contracts.conversations.ConversationPage`, empty only at the list's end."""
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
            window = window.beyond(rows)
        return await self._page(owner, views, first=first, last=last, more=more)

    async def _load(self, owner: str, rows: Sequence[Row]) -> dict[str, ConversationRecord]:
        """Return the conversations of rows that are their current positions. One state call."""
        docs = await self._repository.conversations.get_many([f"{owner}:{id}" for _, id in rows])
        found = ((post, id, docs.get(f"{owner}:{id}")) for post, id in rows)
        return {id: doc for post, id, doc in found if doc and doc.last_post == post}

    async def _visible(
        self, owner: str, conversations: Mapping[str, ConversationRecord]
    ) -> dict[str, dict[str, Any]]:
        """Return the `ConversationView`s that the owner may see, by id."""
        relations = await self._relations(owner, conversations.values())
        readable = {
            id: one.readable_posts(owner, relations.can_see) for id, one in conversations.items()
        }
        newest = {id: posts[:1] for id, posts in readable.items()}
        last = await self._newest_visible(owner, conversations, newest)
        older = {id: posts[1:_MAX_OLDER_POSTS] for id, posts in readable.items() if id not in last}
        last |= await self._newest_visible(owner, conversations, older)
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
        """Return the owner's relations, which know all participants."""
        relations = await self._repository.relations.get(owner) or ReaderRelations()
        people = {person for one in conversations for person in one.people}
        return (await self._repository.with_block_states({owner: relations}, people))[owner]

    async def _newest_visible(
        self,
        owner: str,
        conversations: Mapping[str, ConversationRecord],
        posts: Mapping[str, Sequence[str]],
    ) -> dict[str, TimelineItem]:
        """Return the newest visible one of some posts of each conversation."""
        rows = [[post, conversations[id].posts[post], DIRECT] for id in posts for post in posts[id]]
        if not rows:
            return {}
        items = {item.post_id: item for item in await self._loader.get_posts(rows, owner)}
        found = {id: [items[post] for post in posts[id] if post in items] for id in posts}
        return {id: newest[0] for id, newest in found.items() if newest}

    async def _page(
        self, owner: str, views: list[dict[str, Any]], *, first: str, last: str, more: str = ""
    ) -> dict[str, Any]:
        people = {person for view in views for person in (*view["people"], owner)}
        keys = {id: self._repository.accounts.key(id) for id in people}
        docs = await self._repository.cache.read(keys.values()) if keys else {}
        known = {id: docs[key].envelope["data"] for id, key in keys.items() if docs[key].exists}
        accounts = {id: one for id, one in known.items() if is_visible_account(one["profile"])}
        for view in views:
            view["people"] = [id for id in view["people"] if id in accounts] or [owner]
        return {
            "conversations": views,
            "accounts": {id: account_view(account) for id, account in accounts.items()},
            "first": first,
            "last": last,
            "more": more,
        }
