"""What comments hears: posts, of which it makes threads.

Every handler may run twice, late, or out of order. It writes first what a comment is, then makes
the lists agree, and then reads the truth again: so of two that run into each other, the one that
ends last leaves the lists as the truth is.

A comment that is deleted by itself leaves what others wrote below it to the nearest post above that
is left, and a direct post at the top leaves it alone: nobody owns a conversation. All others take
what is below them along. Whoever deletes writes first that the post is
gone and reads then what is below; whoever comes below a post comes first into its list and reads
then whether it is gone. So one of the two sees the other. `posts` hears of the comments that ended
or moved so, and tells of those; which does the same for what is below them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from pydantic import ValidationError

from services.chassis.consuming.events import CloudEvent, PoisonMessage
from services.chassis.errors import Unavailable
from services.chassis.service import Service
from services.comments.domain import CommentRecord, apply_post, comment_from_post, end, reparent
from services.comments.repository import CommentContext, DeletedPost, Repository
from services.contracts.events import POST_CHANGED
from services.contracts.posts import Post

_BATCH_SIZE = 50
_MAX_ATTEMPTS = 8


def subscribe(service: Service, repository: Repository) -> None:
    """Hear of posts."""
    service.on_topic(
        POST_CHANGED.topic, POST_CHANGED.producer, CommentProjector(repository).on_post_changed
    )


class CommentProjector:
    """Makes comments and their lists agree with posts."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def on_post_changed(self, event: CloudEvent) -> None:
        """Nine state calls for a new comment, none for another new post; in the background."""
        if event.type != POST_CHANGED.name:
            return
        post = _validate(event)
        if post.path:
            now = comment_from_post(post.model_dump())
            comment = await self._repository.comments.update(
                post.id, lambda known: apply_post(known, now), fresh=True
            )
            await self._reconcile(comment or now)
        elif post.deleted and not post.reblog_of_id and post.visibility != "direct":
            gone = DeletedPost(post.id)
            await self._repository.deleted_posts.update(
                post.id, lambda known: known or gone, fresh=True
            )
            await self._end_replies(post.id)

    async def _reconcile(self, comment: CommentRecord) -> None:
        """Make the lists agree with a comment, and the comment with what is above it.

        Raises `Unavailable` if both keep changing.
        """
        for _ in range(_MAX_ATTEMPTS):
            if comment.deleted:
                await self._remove(comment)
                return
            await self._insert(comment)
            standing = await self._repository.current_context(comment)
            now = await self._apply_parent_state(standing.current or comment, standing)
            if now == comment:
                return
            if now.parent != comment.parent:
                await self._repository.sibling_lists(comment).remove(comment.parent, [comment.id])
            comment = now
        raise Unavailable(f"The comment {comment.id} keeps changing.")

    async def _insert(self, comment: CommentRecord) -> None:
        row = [comment.id, comment.author]
        await self._repository.threads.insert(comment.root, [comment.row])
        await self._repository.sibling_lists(comment).insert(comment.parent, [row])

    async def _apply_parent_state(
        self, comment: CommentRecord, standing: CommentContext
    ) -> CommentRecord:
        """A comment after what became of the post above it."""
        if standing.parent_ended:
            return await self._update(comment, partial(end, with_replies=True))
        if standing.parent_removed:
            parent = await self._repository.nearest_remaining(comment)
            return await self._update(comment, partial(reparent, parent=parent))
        return comment

    async def _update(
        self, comment: CommentRecord, change: Callable[[CommentRecord], CommentRecord]
    ) -> CommentRecord:
        now = await self._repository.comments.update(comment.id, lambda c: change(c) if c else None)
        return now or comment

    async def _remove(self, comment: CommentRecord) -> None:
        await self._repository.sibling_lists(comment).remove(comment.parent, [comment.id])
        if comment.with_replies:
            await self._repository.threads.remove(comment.root, [comment.id])
            await self._end_replies(comment.id)
        else:
            await self._repository.threads.insert(comment.root, [comment.row])
            await self._repository.removed.insert(comment.root, [[comment.id]])
            await self._reparent_replies(comment)

    async def _reparent_replies(self, removed: CommentRecord) -> None:
        """Leave what answers a removed comment to the nearest post above that is left."""
        for ids in _batches(await self._repository.replies_to([removed.id])):
            replies = await self._repository.comments.get_many(ids)
            await asyncio.gather(*(self._reconcile(reply) for reply in replies.values()))
            for lists in (self._repository.replies, self._repository.uncounted_replies):
                await lists.remove(removed.id, ids)

    async def _end_replies(self, id: str) -> None:
        """End all comments below a post, level by level.

        Those that are ended already are left to their own news, and so is what is below them.
        """
        level = [id]
        while level:
            found: list[str] = []
            for ids in _batches(level):
                found += await self._repository.replies_to(ids)
            level = []
            for ids in _batches(found):
                comments = await self._repository.comments.get_many(ids)
                alive = [id for id, comment in comments.items() if not comment.deleted]
                await self._end(alive)
                level += alive

    async def _end(self, ids: list[str]) -> None:
        comments, ended = self._repository.comments, partial(end, with_replies=True)
        await asyncio.gather(
            *(comments.update(id, lambda c: ended(c) if c else None) for id in ids)
        )


def _batches(ids: list[str]) -> list[list[str]]:
    return [ids[start : start + _BATCH_SIZE] for start in range(0, len(ids), _BATCH_SIZE)]


def _validate(event: CloudEvent) -> Post:
    try:
        return Post.model_validate(event.data)
    except ValidationError as error:
        raise PoisonMessage(f"{event.type} {event.subject}: {error.errors()[0]['msg']}") from error
