"""Hashtags with their use, as entities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.chassis.security.caller import Caller
from services.chassis.storage.window import Window
from services.clients.json_types.posts import TagUseJson
from services.clients.services import ServiceClients
from services.contracts.discovery import TagUse
from services.gateway.presentation.entities import posts
from services.gateway.presentation.urls import PublicUrls

_MAX_FOLLOWED = 200


class HashtagPresenter:
    """Renders hashtags, and whether the caller follows them."""

    def __init__(self, services: ServiceClients, urls: PublicUrls) -> None:
        self._services = services
        self._urls = urls

    async def uses(self, names: Sequence[str]) -> list[TagUseJson]:
        """The `TagUse` of some hashtags, also of unused ones."""
        return await self._services.feed.hashtags(names)

    async def render(
        self, uses: Sequence[TagUseJson], caller: Caller | None
    ) -> list[dict[str, Any]]:
        """The entities Tag. `following` is false where the token does not cover `read:follows`."""
        followed: set[str] = set()
        if uses and caller is not None and caller.user_id and caller.may("read:follows"):
            page = await self._services.users.followed_tags(caller, Window(_MAX_FOLLOWED))
            followed = set(page["tags"])
        return [self.entity(use, following=use["name"] in followed) for use in uses]

    def entity(self, use: TagUseJson, *, following: bool) -> dict[str, Any]:
        """The entity Tag of a `TagUse`."""
        return posts.tag(TagUse.model_validate(use), self._urls, following=following)
