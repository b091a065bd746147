"""A post with its ancestors and descendants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.chassis.security.caller import Caller
from services.clients.json_types.accounts import AccountJson
from services.clients.json_types.posts import PostViewJson
from services.clients.paths import numeric_id
from services.clients.services import ServiceClients
from services.gateway.application.posts import PostPresenter
from services.gateway.presentation.renderer import EntityRenderer, ProductCards


@dataclass(frozen=True, slots=True)
class PostThread:
    """A post and the visible posts around it, each followed by its own replies."""

    views: Sequence[PostViewJson]
    at: int
    """The index of the post itself."""

    people: Mapping[str, AccountJson]
    cards: ProductCards

    @property
    def view(self) -> PostViewJson:
        """The post itself."""
        return self.views[self.at]


class ThreadReader:
    """Reads threads, and renders them as lists of Status."""

    def __init__(
        self, services: ServiceClients, posts: PostPresenter, renderer: EntityRenderer
    ) -> None:
        self._services = services
        self._posts = posts
        self._renderer = renderer

    async def get(self, id: str, caller: Caller | None) -> PostThread:
        """The thread of a post as the caller may see it. Raises `NotFound`.

        At most 1,024 ancestors and descendants; without a user 40 ancestors and 60 descendants in
        20 levels. Costs three calls in sequence: `comments` for the thread, `posts` for its visible
        posts, `users` for the authors.
        """
        id = numeric_id(id)
        thread = await self._services.comments.thread(id, caller)
        around = [*thread["ancestors"], id, *thread["descendants"]]
        views = await self._services.posts.views(around, caller, around=id)
        people = await self._services.users.accounts([view["post"]["author"] for view in views])
        cards = await self._posts.product_cards(views)
        at = next(n for n, view in enumerate(views) if view["post"]["id"] == id)
        return PostThread(views, at, people, cards)

    def ancestors(self, thread: PostThread) -> bytes:
        """What the post replies to, as a list of Status."""
        return self._statuses(thread, thread.views[: thread.at])

    def post(self, thread: PostThread) -> bytes:
        """The post itself, as a list of one Status."""
        return self._statuses(thread, [thread.view])

    def descendants(self, thread: PostThread) -> bytes:
        """The replies to the post, as a list of Status."""
        return self._statuses(thread, thread.views[thread.at + 1 :])

    def _statuses(self, thread: PostThread, views: Sequence[PostViewJson]) -> bytes:
        return self._renderer.statuses(views, thread.people, thread.cards)
