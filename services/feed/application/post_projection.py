"""Applies the events of posts to timelines, conversations and the post's projection."""

from __future__ import annotations

from typing import Any

from services.feed.application.conversations import ConversationService
from services.feed.application.fanout import FanOut
from services.feed.application.hashtag_index import HashtagIndex
from services.feed.application.trends import TrendTracker
from services.feed.domain.conversations import memberships
from services.feed.domain.projections import PostProjection
from services.feed.domain.rows import row_of, timeline_ids
from services.feed.repository import Repository


class TimelineProjector:
    """Keeps all that is derived from posts up to date."""

    def __init__(
        self,
        repository: Repository,
        fanout: FanOut,
        index: HashtagIndex,
        trends: TrendTracker,
        conversations: ConversationService,
    ) -> None:
        self._repository = repository
        self._fanout = fanout
        self._index = index
        self._trends = trends
        self._conversations = conversations

    async def project(self, post: dict[str, Any], version: int) -> None:
        """Apply a new, edited or deleted post.

        A new post is inserted into its author's timeline before their followers are read, and a
        follow is stored before that timeline is read, so one of the two sees the other. The
        projection is written last, because it says that all this is done. A first version is most
        likely new, so the projection is not read before: if there is one, writing it will tell.
        Three state calls, of which posts that are handled at the same time share two, and what it
        costs to move it to homes; more for a direct post, which also gets into conversations, and
        for one with hashtags.
        """
        blank = PostProjection()
        stored = await self._repository.posts.get(post["id"]) if version > 1 else None
        known = stored or blank
        if version < known.version:
            await self._remove_if_deleted(post, known.post)
            return
        while version > known.version:
            if known.exists or post["deleted"]:
                await self._update_lists(known.post, post)
            else:
                await self._distribute(post)
            now = await self._replace(post, version, known, expect_absent=known is blank)
            if now.version > version:  # a newer one was written meanwhile
                await self._update_lists(post, now.post)
            known = now  # or an older one, which is in lists now
        if known.version > version:  # what it was no longer counts
            return
        if post["visibility"] == "public":
            await self._index.add(post["tags"])
        self._trends.record_post(post)

    async def _replace(
        self, post: dict[str, Any], version: int, known: PostProjection, *, expect_absent: bool
    ) -> PostProjection:
        """Write the projection of a post, unless another version was written since `known`."""

        def apply(kept: PostProjection) -> PostProjection:
            return kept.apply(post, version) if kept.version == known.version else kept

        return await self._repository.update_post(post["id"], apply, expect_absent=expect_absent)

    async def _remove_if_deleted(self, post: dict[str, Any], now: dict[str, Any]) -> None:
        """Remove a deleted post from the lists of an older version, whose event comes late.

        An attempt to handle that event may have failed halfway, before the deletion came. A post
        that is not deleted stays in such lists: it is hidden there on reading.
        """
        if now["deleted"]:
            await self._update_lists(post, now)

    async def _distribute(self, post: dict[str, Any]) -> None:
        await self._fanout.insert(post)
        if places := memberships(post):
            await self._conversations.add(post, places)

    async def _update_lists(self, before: dict[str, Any], now: dict[str, Any]) -> None:
        """Move a post from the timelines and conversations it was in to those it is in now.

        Homes are not changed: the projection of a deleted post hides its rows.
        """
        had, wants = timeline_ids(before), timeline_ids(now)
        for kind, id in had - wants:
            await self._repository.timelines(kind).remove(id, [now["id"]])
        for kind, id in wants - had:
            await self._repository.timelines(kind).insert(id, [row_of(now)])
        was_in, is_in = memberships(before), memberships(now)
        if left := was_in - is_in:
            await self._conversations.remove(now["id"], left)
        if joined := is_in - was_in:
            await self._conversations.add(now, joined)
