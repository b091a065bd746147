"""What posts hears: its own news, from which it makes its lists; and what comments says.

Every handler is level-triggered: it reads the truth, makes the lists agree with it, and reads the
truth again. So whichever of two handlers ends last has seen the newest truth, whatever order the
news came in, and one that dies on the way is called again.
"""

from __future__ import annotations

from functools import partial
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from services.chassis.consuming.events import CloudEvent, PoisonMessage
from services.chassis.errors import Unavailable
from services.chassis.service import Service
from services.chassis.storage.segmented_list import SegmentedLists
from services.contracts.comments import Comment, ReplyCount
from services.contracts.events import COMMENT_CHANGED, MARK_CHANGED, POST_CHANGED, REPLIES_COUNTED
from services.posts.application import boosts
from services.posts.domain.interactions import Interaction, Reaction, without_reactions
from services.posts.domain.posts import PostRecord, tombstone
from services.posts.domain.visibility import reparent
from services.posts.repository import ReplyCountRecord, Repository

M = TypeVar("M", bound=BaseModel)

MAX_ATTEMPTS = 8
"""How often the truth may change under a handler before it asks to be called again later."""


def subscribe(service: Service, projections: PostProjector) -> None:
    """Hear the service's own posts and marks, and of comments."""
    service.on_topic(MARK_CHANGED.topic, MARK_CHANGED.producer, projections.on_mark_changed)
    service.on_topic(POST_CHANGED.topic, POST_CHANGED.producer, projections.on_post_changed)
    service.on_topic(
        COMMENT_CHANGED.topic, COMMENT_CHANGED.producer, projections.on_comment_changed
    )
    service.on_topic(
        REPLIES_COUNTED.topic, REPLIES_COUNTED.producer, projections.on_replies_counted
    )


class PostProjector:
    """Makes the lists agree with posts and marks."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def on_mark_changed(self, event: CloudEvent) -> None:
        """Six to eight state calls for a new favourite, in the background."""
        if event.type != MARK_CHANGED.name:
            return
        if event.subject.count(":") != 1:
            raise PoisonMessage(f"«{event.subject}» is not the id of a mark.")
        await self.project_interaction(event.subject)

    async def project_interaction(self, id: str) -> None:
        """Make all lists agree with a mark; of somebody who is gone, none may stay."""
        mark = await self._repository.interactions.get(id)
        for _ in range(MAX_ATTEMPTS):
            if mark is None:
                return
            await self._update_interaction_lists(mark)
            now = await self._repository.interactions.get(id)
            if now == mark and not await self._clear_if_user_deleted(mark):
                return
            mark = await self._repository.interactions.get(id)
        raise Unavailable(f"The mark {id} keeps changing.")

    async def _clear_if_user_deleted(self, mark: Interaction) -> bool:
        """Clear a mark of somebody who is gone; says whether there was anything to clear."""
        if not (mark.favourite.on or mark.bookmark.on):
            return False
        if await self._repository.deleted_accounts.get(mark.user) is None:
            return False
        await self._repository.interactions.update(
            f"{mark.user}:{mark.post}", lambda kept: without_reactions(kept) if kept else None
        )
        return True

    async def on_post_changed(self, event: CloudEvent) -> None:
        """Two to six state calls for a new post, nine for a boost, in the background."""
        if event.type != POST_CHANGED.name:
            return
        await self.project_post(event.subject)

    async def project_post(self, id: str) -> None:
        """Make all lists agree with a post; of somebody who is gone, none may stay."""
        post = await self._repository.posts.get(id)
        if post is None:
            return
        await self._update_post_lists(post)
        if post.deleted:
            return
        gone, now = await self._repository.current_state(post)
        if gone:
            now = await self._repository.posts.update(
                id, lambda kept: tombstone(kept) if kept else None
            )
        if now is not None and now.deleted:  # nothing else that lists show can change
            await self._update_post_lists(now)

    async def on_comment_changed(self, event: CloudEvent) -> None:
        """A comment ends with the post above it, or is left to another post above.

        Two state calls, in the background; three more for one that is left to another.
        """
        if event.type != COMMENT_CHANGED.name:
            return
        comment = _validate(Comment, event)
        if comment.deleted:
            await self._repository.posts.update(
                comment.id, lambda post: tombstone(post) if post else None
            )
            return
        post = await self._repository.posts.get(comment.id)
        if post is not None and post.in_reply_to_id != comment.parent:
            await self._reparent(post, comment.parent)

    async def _reparent(self, post: PostRecord, parent: str) -> None:
        """Answer the nearest post that is left. An older one that is heard of late is deleted."""
        answered = post.in_reply_to_id or ""
        posts = await self._repository.posts.get_many([answered, parent])
        if len(posts) == 2:
            move = partial(reparent, answered=posts[answered], above=posts[parent])
            await self._repository.posts.update(post.id, lambda post: move(post) if post else None)

    async def on_replies_counted(self, event: CloudEvent) -> None:
        """Two state calls, in the background."""
        if event.type != REPLIES_COUNTED.name:
            return
        count = _validate(ReplyCount, event)
        await self._repository.reply_counts.update(
            count.post,
            lambda tally: (tally or ReplyCountRecord()).apply(count.total, event.entityversion),
            fresh=count.total == 1,
        )

    async def _update_interaction_lists(self, mark: Interaction) -> None:
        repository, user, post = self._repository, mark.user, mark.post
        await _update_reaction_list(repository.favouriters, post, mark.favourite, user)
        await _update_reaction_list(repository.favourites, user, mark.favourite, post)
        await _update_reaction_list(repository.bookmarks, user, mark.bookmark, post)
        if mark.reblog.id:
            await boosts.reconcile_boost(repository, mark)

    async def _update_post_lists(self, post: PostRecord) -> None:
        made = (
            self._repository.directs if post.visibility == "direct" else self._repository.authored
        )
        await _set_listed(made, post.author, [post.id], post.deleted)
        if post.reblog_of_id:
            row = [post.id, post.author, post.visibility]
            await _set_listed(self._repository.rebloggers, post.reblog_of_id, row, post.deleted)
            await boosts.reconcile_boost_post(self._repository, post)
        elif post.deleted:
            await boosts.delete_next_boosts(self._repository, post.id)
            await self._repository.histories.delete(post.id)


def _validate(model: type[M], event: CloudEvent) -> M:
    try:
        return model.model_validate(event.data)
    except ValidationError as error:
        raise PoisonMessage(f"{event.type} {event.subject}: {error.errors()[0]['msg']}") from error


async def _update_reaction_list(
    lists: SegmentedLists, id: str, reaction: Reaction, other: str
) -> None:
    """Make a list hold a reaction at its place, and at no other."""
    if reaction.removed_ids:
        await lists.remove(id, reaction.removed_ids)
    if reaction.position:
        await lists.insert(id, [[reaction.position, other]])


async def _set_listed(lists: SegmentedLists, id: str, row: list[str], is_gone: bool) -> None:
    if is_gone:
        await lists.remove(id, [row[0]])
    else:
        await lists.insert(id, [row])
