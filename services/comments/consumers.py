"""The events that comments consumes: changed posts."""

from __future__ import annotations

from services.chassis.consuming.events import Event
from services.chassis.service import Service
from services.comments.application.thread_projection import ThreadProjector
from services.comments.domain.comments import comment_from_post
from services.contracts.events import POST_CHANGED
from services.contracts.posts import Post


class CommentsConsumers:
    """One method for each type of event."""

    def __init__(self, projector: ThreadProjector) -> None:
        self._projector = projector

    def subscribe(self, service: Service) -> None:
        """Subscribe to all events."""
        service.on(POST_CHANGED, self.on_post_changed)

    async def on_post_changed(self, event: Event[Post]) -> None:
        """Update the thread of a reply, or end the thread of a deleted post.

        No state call for a new post that is not a reply.
        """
        post = event.data
        if post.path:
            await self._projector.project_comment(comment_from_post(post.model_dump()))
        elif post.deleted and not post.reblog_of_id and post.visibility != "direct":
            await self._projector.project_deletion(post.id)
