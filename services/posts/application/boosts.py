"""Commands on boosts: first the interaction, then the boost post (see `domain/boosts.py`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from services.chassis.errors import Unavailable
from services.chassis.ids import id_time, timestamp
from services.chassis.security.caller import Caller
from services.chassis.storage.window import Window
from services.posts.application.queries import PostQueries
from services.posts.application.visible_posts import VisiblePost
from services.posts.domain import boosts as rules
from services.posts.domain.changes import tombstone
from services.posts.domain.interactions import BoostState, Interaction
from services.posts.domain.posts import PostRecord, Visibility
from services.posts.repository import Repository

MAX_ATTEMPTS = 4
"""How often a boost is attempted while the same user removes it concurrently."""

BATCH_SIZE = 4
"""How many boosts of a deleted post are deleted together. Each one's event continues the work."""


class BoostService:
    """Creates and removes boosts. `ids` generates the ids of boost posts."""

    def __init__(
        self, repository: Repository, queries: PostQueries, *, ids: Callable[[], str]
    ) -> None:
        self._repository = repository
        self._queries = queries
        self._ids = ids

    async def create(self, id: str, wanted: Visibility | None, caller: Caller) -> dict[str, Any]:
        """Boost a post and return the boost's `PostView`. A repetition returns the same boost.

        Three state calls, five the first time. One invocation for another user's post.
        """
        seen = await self._queries.get_reactable(id, caller)
        user, original = caller.user_id, seen.post
        visibility = rules.boost_visibility(original, user, wanted)
        blank = Interaction(user, original.id, original.author)
        interaction = replace(seen.interaction or blank, author=original.author)
        is_new = False
        for _ in range(MAX_ATTEMPTS):
            if interaction.reblog.id:
                boost = await reconcile_boost(self._repository, interaction, expect_absent=is_new)
                if interaction.reblog.on and not boost.deleted:
                    return VisiblePost(boost, 1, seen.details, reblog=seen).view(interaction)
            interaction = await self._name_new_boost(
                interaction, visibility, expect_absent=seen.interaction is None and not is_new
            )
            is_new = True
        raise Unavailable("The boost is being removed at the same time. Try again.")

    async def _name_new_boost(
        self, interaction: Interaction, visibility: Visibility, *, expect_absent: bool
    ) -> Interaction:
        """Name a new boost in an interaction whose last boost is deleted."""
        before = interaction.reblog
        boost = BoostState(on=True, id=self._ids(), visibility=visibility)

        def decide(there: Interaction | None) -> Interaction:
            return rules.with_boost(there or interaction, interaction.author, before, boost)

        id = f"{interaction.user}:{interaction.post}"
        return (
            await self._repository.interactions.update(id, decide, expect_absent=expect_absent)
            or interaction
        )

    async def remove(self, id: str, caller: Caller) -> dict[str, Any]:
        """Remove a boost and return the `PostView` of the original. A repetition has no effect."""
        seen = await self._queries.get_original(id, caller)
        interaction = seen.interaction
        if interaction is not None and interaction.reblog.on:
            interaction = await self._remove(interaction)
        return seen.view(interaction)

    async def delete_post(self, boost: PostRecord) -> None:
        """Remove a boost by its own post."""
        interaction = await self._repository.interactions.get(_interaction_id(boost))
        if interaction is not None and interaction.reblog.id == boost.id:
            await self._remove(interaction)
        await delete_boost(self._repository, boost.id)

    async def _remove(self, interaction: Interaction) -> Interaction:
        id = interaction.reblog.id
        now = await self._repository.interactions.update(
            f"{interaction.user}:{interaction.post}",
            lambda there: rules.without_boost(there or interaction, id),
        )
        off = rules.without_boost(interaction, id)
        await reconcile_boost(self._repository, off)
        return now or off


async def reconcile_boost(
    repository: Repository, interaction: Interaction, *, expect_absent: bool = False
) -> PostRecord:
    """Make the boost post agree with an interaction, and return it. Two state calls."""
    boost = rules.boost_post(interaction, timestamp(id_time(interaction.reblog.id)))

    def decide(there: PostRecord | None) -> PostRecord:
        return rules.apply_boost_state(there, boost, on=interaction.reblog.on)

    return await repository.posts.update(boost.id, decide, expect_absent=expect_absent) or boost


async def delete_boost(repository: Repository, id: str) -> None:
    """Delete a boost post if it exists."""
    await repository.posts.update(id, lambda there: tombstone(there) if there else None)


async def reconcile_boost_post(repository: Repository, boost: PostRecord) -> None:
    """Make the interaction and the original post agree with a boost post.

    The boosts of a deleted post are deleted in batches: each boost's tombstone event deletes the
    next batch. None remains, because each boost is in the list of boosts before its original is
    checked.
    """
    original = await repository.posts.get(boost.reblog_of_id or "")
    if boost.deleted:
        await repository.interactions.update(
            _interaction_id(boost),
            lambda kept: rules.without_boost(kept, boost.id) if kept else None,
        )
    if original is None or original.deleted:
        await delete_boost(repository, boost.id)
        await delete_next_boosts(repository, boost.reblog_of_id or "")


async def delete_next_boosts(repository: Repository, original: str) -> None:
    """Delete the next batch of boosts of a deleted post."""
    for row in await repository.rebloggers.page(original, Window(BATCH_SIZE)):
        await delete_boost(repository, row[0])


def _interaction_id(boost: PostRecord) -> str:
    return f"{boost.author}:{boost.reblog_of_id}"
