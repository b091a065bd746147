"""Conversations: direct posts between the same people."""

from __future__ import annotations

from services.clients.json_types.posts import ConversationPageJson
from services.gateway.application.posts import PostPresenter
from services.gateway.presentation.renderer import EntityRenderer


class ConversationPresenter:
    """Renders conversations with their people and their last post."""

    def __init__(self, posts: PostPresenter, renderer: EntityRenderer) -> None:
        self._posts = posts
        self._renderer = renderer

    async def render(self, found: ConversationPageJson) -> list[bytes]:
        """The entities Conversation of a page."""
        views = found["conversations"]
        cards = await self._posts.product_cards([view["last"] for view in views])
        return [self._renderer.conversation(view, found["accounts"], cards) for view in views]
