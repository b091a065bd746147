"""Boosting: the mark first, then the post that it names (see `domain/boosts.py`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from services.chassis.errors import Unavailable
from services.chassis.ids import id_time, timestamp
from services.chassis.security.caller import Caller
from services.chassis.storage.window import Window
from services.posts.application.queries import PostQueries, VisiblePost
from services.posts.domain import boosts as rules
from services.posts.domain.interactions import BoostState, Interaction
from services.posts.domain.posts import PostRecord, Visibility, tombstone
from services.posts.repository import Repository

MAX_ATTEMPTS = 4
"""How often boosting is tried, because the same person takes it back meanwhile."""

BATCH_SIZE = 4
"""How many boosts of a deleted post are buried at once; each takes as many with it."""


class BoostService:
    """Makes boosts and takes them back. `ids` makes the ids of their posts."""

    def __init__(
        self, repository: Repository, views: PostQueries, *, ids: Callable[[], str]
    ) -> None:
        self._repository = repository
        self._queries = views
        self._ids = ids

    async def create(self, id: str, wanted: Visibility | None, caller: Caller) -> dict[str, Any]:
        """Boost a post; the `PostView` of the boost, the same one for a repeat.

        Three state calls, and five in all the first time; one invocation for somebody else's post.
        """
        seen = await self._queries.get_reactable(id, caller)
        user, original = caller.user_id, seen.post
        visibility = rules.boost_visibility(original, user, wanted)
        blank = Interaction(user, original.id, original.author)
        mark = replace(seen.interaction or blank, author=original.author)
        is_new = False
        for _ in range(MAX_ATTEMPTS):
            if mark.reblog.id:
                boost = await reconcile_boost(self._repository, mark, fresh=is_new)
                if mark.reblog.on and not boost.deleted:
                    return VisiblePost(boost, 1, seen.details, reblog=seen).view(mark)
            mark = await self._name_new_boost(
                mark, visibility, fresh=seen.interaction is None and not is_new
            )
            is_new = True
        raise Unavailable("The boost is taken back at the same time. Try again.")

    async def _name_new_boost(
        self, mark: Interaction, visibility: Visibility, *, fresh: bool
    ) -> Interaction:
        """Name another boost in a mark, whose last one is buried."""
        boost = BoostState(on=True, id=self._ids(), visibility=visibility)

        def decide(there: Interaction | None) -> Interaction:
            return rules.with_boost(there or mark, mark.author, mark.reblog, boost)

        id = f"{mark.user}:{mark.post}"
        return await self._repository.interactions.update(id, decide, fresh=fresh) or mark

    async def remove(self, id: str, caller: Caller) -> dict[str, Any]:
        """Take a boost back; the `PostView` of what was boosted. A repeat changes nothing."""
        seen = await self._queries.get_original(id, caller)
        mark = seen.interaction
        if mark is not None and mark.reblog.on:
            mark = await self._remove(mark)
        return seen.view(mark)

    async def delete_post(self, boost: PostRecord) -> None:
        """Take a boost back by its own id."""
        mark = await self._repository.interactions.get(_interaction_id(boost))
        if mark is not None and mark.reblog.id == boost.id:
            await self._remove(mark)
        await delete_boost(self._repository, boost.id)

    async def _remove(self, mark: Interaction) -> Interaction:
        id = mark.reblog.id
        now = await self._repository.interactions.update(
            f"{mark.user}:{mark.post}", lambda there: rules.without_boost(there or mark, id)
        )
        off = rules.without_boost(mark, id)
        await reconcile_boost(self._repository, off)
        return now or off


async def reconcile_boost(
    repository: Repository, mark: Interaction, *, fresh: bool = False
) -> PostRecord:
    """Make the post that a mark names agree with it, and return it. Two state calls."""
    boost = rules.boost_post(mark, timestamp(id_time(mark.reblog.id)))

    def decide(there: PostRecord | None) -> PostRecord:
        return rules.apply_boost_state(there, boost, on=mark.reblog.on)

    return await repository.posts.update(boost.id, decide, fresh=fresh) or boost


async def delete_boost(repository: Repository, id: str) -> None:
    """End a boost, if it is there."""
    await repository.posts.update(id, lambda there: tombstone(there) if there else None)


async def reconcile_boost_post(repository: Repository, boost: PostRecord) -> None:
    """Make everything agree with a boost's post: its mark, and whether there is what it shows.

    The boosts of a deleted post fall one by one, however many there are: who hears that one is
    buried buries the next ones. None is left standing, for each is in the list of boosts before it
    is seen whether the post is still there.
    """
    original = await repository.posts.get(boost.reblog_of_id or "")
    if boost.deleted:
        await repository.interactions.update(
            _interaction_id(boost),
            lambda mark: rules.without_boost(mark, boost.id) if mark else None,
        )
    if original is None or original.deleted:
        await delete_boost(repository, boost.id)
        await delete_next_boosts(repository, boost.reblog_of_id or "")


async def delete_next_boosts(repository: Repository, original: str) -> None:
    """Bury the next boosts of a deleted post."""
    for row in await repository.rebloggers.page(original, Window(BATCH_SIZE)):
        await delete_boost(repository, row[0])


def _interaction_id(boost: PostRecord) -> str:
    return f"{boost.author}:{boost.reblog_of_id}"
