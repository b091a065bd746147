"""Keeps comments and the lists of threads in agreement with posts.

Every step may run twice, late or out of order. A projection writes the comment and the lists, and
then reads the comment again. So of two concurrent runs the one that ends last has seen the latest
state.

Replies to a comment that is deleted alone move below the nearest remaining post above. Replies to a
deleted direct post at the top stay, because nobody owns a conversation. All other deletions include
the replies. A deletion writes first that the post is deleted and then reads the replies; a reply is
inserted into the list first and then reads whether its parent is deleted. So one of the two sees
the other. The changed comments are published, so posts applies the same change to its posts, whose
events continue the work one level below.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from services.chassis.converge import MAX_ATTEMPTS
from services.chassis.errors import Unavailable
from services.comments.domain.comments import CommentRecord, apply_post, end, reparent
from services.comments.repository import CommentContext, CommentPlace, DeletedPost, Repository

_BATCH_SIZE = 50


class ThreadProjector:
    """Derives comments and threads from posts."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def project_comment(self, now: CommentRecord) -> None:
        """Apply the current state of a reply. Three state calls for a new comment."""
        comments, place = self._repository.comments, await self._repository.place_of(now)
        is_new = place.comment is None
        written = comments.update(
            now.id,
            lambda known: apply_post(known, now),
            expect_absent=is_new,
            known=place.comment,
        )
        if is_new and not now.deleted:
            await asyncio.gather(written, self._insert(now, place))
            await self._reconcile(now, is_listed=True)
        else:
            comment = await written or now
            if comment.parent != now.parent:  # a run that has died may have left its row there
                await self._repository.sibling_lists(now).remove(now.parent, [now.id])
            await self._reconcile(comment)

    async def project_deletion(self, post: str) -> None:
        """Delete all comments below a deleted post that is not a comment."""
        deleted = DeletedPost(post)
        await self._repository.deleted_posts.update(
            post, lambda known: known or deleted, expect_absent=True
        )
        await self._end_replies(post)

    async def _reconcile(self, comment: CommentRecord, *, is_listed: bool = False) -> None:
        """Make the lists agree with a comment, and the comment with the post above it.

        `is_listed` says that the lists have it as it is given. Raises `Unavailable` if both keep
        changing.
        """
        for _ in range(MAX_ATTEMPTS):
            if comment.deleted:
                await self._remove(comment)
                return
            if not is_listed:
                await self._insert(comment)
            context = await self._repository.current_context(comment)
            now = await self._apply_parent_state(context.current or comment, context)
            if now == comment:
                return
            if now.parent != comment.parent:
                siblings = self._repository.sibling_lists(comment)
                await siblings.remove(comment.parent, [comment.id])
            comment, is_listed = now, False
        raise Unavailable(f"The comment {comment.id} keeps changing. Try again.")

    async def _insert(self, comment: CommentRecord, place: CommentPlace | None = None) -> None:
        """Insert a comment into its lists, which need no read if its `place` was just read."""
        row = [comment.id, comment.author]
        threads, siblings = self._repository.threads, self._repository.sibling_lists(comment)
        thread, others = (place.thread, place.siblings) if place else (None, None)
        await asyncio.gather(
            threads.insert(
                comment.root,
                [comment.row],
                expect_absent=place is not None and thread is None,
                known=thread,
            ),
            siblings.insert(
                comment.parent,
                [row],
                expect_absent=place is not None and others is None,
                known=others,
            ),
        )

    async def _apply_parent_state(
        self, comment: CommentRecord, context: CommentContext
    ) -> CommentRecord:
        """End or move a comment whose parent is deleted."""
        if context.parent_ended:
            return await self._update(comment, partial(end, with_replies=True))
        if context.parent_removed:
            parent = await self._repository.nearest_remaining(comment)
            return await self._update(comment, partial(reparent, parent=parent))
        return comment

    async def _update(
        self, comment: CommentRecord, change: Callable[[CommentRecord], CommentRecord]
    ) -> CommentRecord:
        now = await self._repository.comments.update(comment.id, lambda c: change(c) if c else None)
        return now or comment

    async def _remove(self, comment: CommentRecord) -> None:
        """Remove a deleted comment from lists. One that replies hang on stays in its thread."""
        await self._repository.sibling_lists(comment).remove(comment.parent, [comment.id])
        if comment.with_replies:
            await self._repository.threads.remove(comment.root, [comment.id])
            await self._end_replies(comment.id)
        else:
            await self._repository.threads.insert(comment.root, [comment.row])
            await self._repository.removed.insert(comment.root, [[comment.id]])
            await self._reparent_replies(comment)

    async def _reparent_replies(self, removed: CommentRecord) -> None:
        """Move the replies to a removed comment below the nearest remaining post."""
        for ids in _batches(await self._repository.replies_to([removed.id])):
            replies = await self._repository.comments.get_many(ids)
            await asyncio.gather(*(self._reconcile(reply) for reply in replies.values()))
            for lists in (self._repository.replies, self._repository.uncounted_replies):
                await lists.remove(removed.id, ids)

    async def _end_replies(self, id: str) -> None:
        """End all comments below a post, level by level.

        The events of comments that are already deleted handle what is below those.
        """
        level = [id]
        while level:
            found: list[str] = []
            for ids in _batches(level):
                found += await self._repository.replies_to(ids)
            level = []
            for ids in _batches(found):
                comments = await self._repository.comments.get_many(ids)
                existing = [id for id, comment in comments.items() if not comment.deleted]
                await self._end(existing)
                level += existing

    async def _end(self, ids: list[str]) -> None:
        comments, ended = self._repository.comments, partial(end, with_replies=True)
        await asyncio.gather(
            *(comments.update(id, lambda c: ended(c) if c else None) for id in ids)
        )


def _batches(ids: list[str]) -> list[list[str]]:
    return [ids[start : start + _BATCH_SIZE] for start in range(0, len(ids), _BATCH_SIZE)]
