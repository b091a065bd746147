"""The events that posts consumes: its own, from which it derives its lists, and those of others.

Every handler may run twice, late or out of order.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from services.chassis.consuming.events import Event, PoisonMessage
from services.chassis.service import Service
from services.clients.deletions import confirm_deletions
from services.contracts.accounts import Profile
from services.contracts.comments import Comment, ReplyCount
from services.contracts.events import (
    ACCOUNT_CHANGED,
    COMMENT_CHANGED,
    MARK_CHANGED,
    POST_CHANGED,
    REPLIES_COUNTED,
)
from services.contracts.posts import Mark, Post
from services.posts.application.account_erasure import AuthorErasure
from services.posts.application.list_projection import PostListProjector
from services.posts.application.suspended_accounts import SuspendedAccounts
from services.posts.domain.changes import tombstone
from services.posts.domain.interactions import from_first_event
from services.posts.domain.posts import PostRecord
from services.posts.domain.suspensions import SuspensionState
from services.posts.domain.visibility import reparent
from services.posts.repository import ReplyCountRecord, Repository

MAX_FIRST_EVENT_AGE = 10.0
"""Seconds after which the first event of a document is taken for a late repeat. A broker that waits
for an acknowledgement waits longer (`ackWait` and `processingTimeout` in `components`)."""


class PostsConsumers:
    """One method for each type of event."""

    def __init__(
        self,
        repository: Repository,
        projector: PostListProjector,
        suspended_accounts: SuspendedAccounts,
        erasure: AuthorErasure,
    ) -> None:
        self._repository = repository
        self._projector = projector
        self._suspended_accounts = suspended_accounts
        self._erasure = erasure

    def subscribe(self, service: Service) -> None:
        """Subscribe to all events."""
        service.on(MARK_CHANGED, self.on_mark_changed)
        service.on(POST_CHANGED, self.on_post_changed)
        service.on(COMMENT_CHANGED, self.on_comment_changed)
        service.on(REPLIES_COUNTED, self.on_replies_counted)
        on_account = confirm_deletions(service.sidecar, self.on_account_changed)
        service.on(ACCOUNT_CHANGED, on_account)

    async def on_mark_changed(self, event: Event[Mark]) -> None:
        """Update the lists of a changed interaction."""
        if event.subject.count(":") != 1:
            raise PoisonMessage(f"{event.subject!r} is not the id of an interaction.")
        first = from_first_event(event.data.model_dump()) if _is_new(event) else None
        await self._projector.project_interaction(event.subject, first)

    async def on_post_changed(self, event: Event[Post]) -> None:
        """Update the lists of a changed post."""
        first = _as_created(event.data) if _is_new(event) else None
        await self._projector.project_post(event.subject, first)

    async def on_comment_changed(self, event: Event[Comment]) -> None:
        """Delete a comment with the post above it, or move it to another post above.

        Two state calls, three more for a comment that moves.
        """
        comment = event.data
        if comment.deleted:
            await self._repository.posts.update(
                comment.id, lambda post: tombstone(post) if post else None
            )
            return
        post = await self._repository.posts.get(comment.id)
        if post is not None and post.in_reply_to_id != comment.parent:
            await self._reparent(post, comment.parent)

    async def _reparent(self, post: PostRecord, parent: str) -> None:
        """Make a post a reply to the nearest remaining post above.

        A late event may name a parent that is deleted by now. It has no effect.
        """
        answered = post.in_reply_to_id or ""
        posts = await self._repository.posts.get_many([answered, parent])
        if len(posts) == 2:
            move = partial(reparent, answered=posts[answered], above=posts[parent])
            await self._repository.posts.update(post.id, lambda post: move(post) if post else None)

    async def on_replies_counted(self, event: Event[ReplyCount]) -> None:
        """Store the number of replies. Two state calls."""
        count = event.data
        await self._repository.reply_counts.update(
            count.post,
            lambda kept: (kept or ReplyCountRecord()).apply(count.total, event.version),
            expect_absent=count.total == 1,
        )

    async def on_account_changed(self, event: Event[Profile]) -> None:
        """Hide the posts of a suspended account, and delete those of a deleted one."""
        profile = event.data
        state = SuspensionState(event.version, profile.suspended and not profile.deleted)
        await self._suspended_accounts.apply(event.subject, state)
        if profile.deleted:
            await self._erasure.start(event.subject_id)


def _is_new(event: Event[Any]) -> bool:
    """Whether a document has just been created as its event says.

    A late repeat must not list again what was deleted meanwhile, not even for a moment.
    """
    committed = event.envelope.committed_at() if event.version == 1 else None
    return committed is not None and time.time() - committed < MAX_FIRST_EVENT_AGE


def _as_created(post: Post) -> PostRecord:
    """Return what lists need of a post, as its first event says it."""
    return PostRecord(
        post.id,
        post.author,
        post.created_at,
        visibility=post.visibility,
        reblog_of_id=post.reblog_of_id,
        deleted=post.deleted,
    )
