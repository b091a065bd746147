"""What posts hears: its own news, from which it makes its lists; and what comments says.

Every handler is level-triggered: it reads the truth, makes the lists agree with it, and reads the
truth again. So whichever of two handlers ends last has seen the newest truth, whatever order the
news came in, and one that dies on the way is called again.
"""

from __future__ import annotations

from functools import partial
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from services.chassis.consuming.inbox import Event, PoisonMessage
from services.chassis.errors import Unavailable
from services.chassis.service import Service
from services.chassis.storage.segmented_list import SegmentedLists
from services.contracts.comments import Comment, ReplyCount
from services.contracts.events import COMMENT_CHANGED, MARK_CHANGED, POST_CHANGED, REPLIES_COUNTED
from services.posts import boosts
from services.posts.domain.marks import Mark, Reaction, cleared
from services.posts.domain.posts import Post, tombstone
from services.posts.domain.visibility import moved_up
from services.posts.store import Store, Tally

M = TypeVar("M", bound=BaseModel)

TURNS = 8
"""How often the truth may change under a handler before it asks to be called again later."""


def subscribe(service: Service, projections: Projections) -> None:
    """Hear the service's own posts and marks, and of comments."""
    service.on(MARK_CHANGED.topic, MARK_CHANGED.producer, projections.mark_changed)
    service.on(POST_CHANGED.topic, POST_CHANGED.producer, projections.post_changed)
    service.on(COMMENT_CHANGED.topic, COMMENT_CHANGED.producer, projections.comment_changed)
    service.on(REPLIES_COUNTED.topic, REPLIES_COUNTED.producer, projections.replies_counted)


class Projections:
    """Makes the lists agree with posts and marks."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def mark_changed(self, event: Event) -> None:
        """Six to eight state calls for a new favourite, in the background."""
        if event.type != MARK_CHANGED.name:
            return
        if event.subject.count(":") != 1:
            raise PoisonMessage(f"«{event.subject}» is not the id of a mark.")
        await self.follow_mark(event.subject)

    async def follow_mark(self, id: str) -> None:
        """Make all lists agree with a mark; of somebody who is gone, none may stay."""
        mark = await self._store.marks.get(id)
        for _ in range(TURNS):
            if mark is None:
                return
            await self._follow_mark(mark)
            now = await self._store.marks.get(id)
            if now == mark and not await self._is_left_over(mark):
                return
            mark = await self._store.marks.get(id)
        raise Unavailable(f"The mark {id} keeps changing.")

    async def _is_left_over(self, mark: Mark) -> bool:
        """Clear a mark of somebody who is gone; says whether there was anything to clear."""
        if not (mark.favourite.on or mark.bookmark.on):
            return False
        if await self._store.gone.get(mark.user) is None:
            return False
        await self._store.marks.update(
            f"{mark.user}:{mark.post}", lambda kept: cleared(kept) if kept else None
        )
        return True

    async def post_changed(self, event: Event) -> None:
        """Two to six state calls for a new post, nine for a boost, in the background."""
        if event.type != POST_CHANGED.name:
            return
        await self.follow_post(event.subject)

    async def follow_post(self, id: str) -> None:
        """Make all lists agree with a post; of somebody who is gone, none may stay."""
        post = await self._store.posts.get(id)
        if post is None:
            return
        await self._follow_post(post)
        if post.deleted:
            return
        gone, now = await self._store.standing(post)
        if gone:
            now = await self._store.posts.update(id, lambda kept: tombstone(kept) if kept else None)
        if now is not None and now.deleted:  # nothing else that lists show can change
            await self._follow_post(now)

    async def comment_changed(self, event: Event) -> None:
        """A comment ends with the post above it, or is left to another post above.

        Two state calls, in the background; three more for one that is left to another.
        """
        if event.type != COMMENT_CHANGED.name:
            return
        comment = _read(Comment, event)
        if comment.deleted:
            await self._store.posts.update(
                comment.id, lambda post: tombstone(post) if post else None
            )
            return
        post = await self._store.posts.get(comment.id)
        if post is not None and post.in_reply_to_id != comment.parent:
            await self._move(post, comment.parent)

    async def _move(self, post: Post, parent: str) -> None:
        """Answer the nearest post that is left. An older one that is heard of late is deleted."""
        answered = post.in_reply_to_id or ""
        posts = await self._store.posts.get_many([answered, parent])
        if len(posts) == 2:
            move = partial(moved_up, answered=posts[answered], above=posts[parent])
            await self._store.posts.update(post.id, lambda post: move(post) if post else None)

    async def replies_counted(self, event: Event) -> None:
        """Two state calls, in the background."""
        if event.type != REPLIES_COUNTED.name:
            return
        count = _read(ReplyCount, event)
        await self._store.tallies.update(
            count.post,
            lambda tally: (tally or Tally()).heard(count.total, event.entityversion),
            fresh=count.total == 1,
        )

    async def _follow_mark(self, mark: Mark) -> None:
        store, user, post = self._store, mark.user, mark.post
        await _follow(store.favouriters, post, mark.favourite, user)
        await _follow(store.favourites, user, mark.favourite, post)
        await _follow(store.bookmarks, user, mark.bookmark, post)
        if mark.reblog.id:
            await boosts.agree(store, mark)

    async def _follow_post(self, post: Post) -> None:
        made = self._store.directs if post.visibility == "direct" else self._store.authored
        await _agree(made, post.author, [post.id], post.deleted)
        if post.reblog_of_id:
            row = [post.id, post.author, post.visibility]
            await _agree(self._store.rebloggers, post.reblog_of_id, row, post.deleted)
            await boosts.follow(self._store, post)
        elif post.deleted:
            await boosts.fell(self._store, post.id)
            await self._store.histories.delete(post.id)


def _read(model: type[M], event: Event) -> M:
    try:
        return model.model_validate(event.data)
    except ValidationError as error:
        raise PoisonMessage(f"{event.type} {event.subject}: {error.errors()[0]['msg']}") from error


async def _follow(lists: SegmentedLists, id: str, reaction: Reaction, other: str) -> None:
    """Make a list hold a reaction at its place, and at no other."""
    if reaction.gone:
        await lists.remove(id, reaction.gone)
    if reaction.place:
        await lists.insert(id, [[reaction.place, other]])


async def _agree(lists: SegmentedLists, id: str, row: list[str], is_gone: bool) -> None:
    if is_gone:
        await lists.remove(id, [row[0]])
    else:
        await lists.insert(id, [row])
