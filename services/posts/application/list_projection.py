"""Keeps the lists of posts in agreement with posts and interactions.

Every projection is level-triggered: it reads the source of truth, updates the lists, and reads the
source again. So of two concurrent runs the one that ends last has seen the latest state, whatever
the order of events, and a run that fails is repeated.
"""

from __future__ import annotations

import asyncio

from services.chassis.converge import converge
from services.chassis.storage.segmented_list import SegmentedLists
from services.posts.application import boosts
from services.posts.domain.changes import tombstone
from services.posts.domain.interactions import Interaction, Reaction, without_reactions
from services.posts.domain.posts import PostRecord
from services.posts.repository import Repository


class PostListProjector:
    """Derives lists from posts and interactions."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def project_interaction(self, id: str, first: Interaction | None = None) -> None:
        """Make all lists agree with an interaction. A deleted account keeps no reaction.

        `first` is what its first event says. It saves a read: afterwards the interaction is read
        anyway. Three to five state calls for a new favourite, one more without `first`. Raises
        `Unavailable` if it keeps changing.
        """
        now = await converge(
            lambda: self._repository.interaction_state(id),
            self._apply_interaction,
            what=f"The interaction {id}",
            initial=(first, False) if first else None,
        )
        if first and now is None:  # the store has lost it
            await self._apply_interaction((without_reactions(first), False))

    async def _apply_interaction(self, state: tuple[Interaction, bool]) -> None:
        interaction, is_user_deleted = state
        lists, user, post = self._repository, interaction.user, interaction.post
        await asyncio.gather(
            _update_reaction_list(lists.favouriters, post, interaction.favourite, user),
            _update_reaction_list(lists.favourites, user, interaction.favourite, post),
            _update_reaction_list(lists.bookmarks, user, interaction.bookmark, post),
        )
        if interaction.reblog.id:
            await boosts.reconcile_boost(self._repository, interaction)
        if is_user_deleted and (interaction.favourite.on or interaction.bookmark.on):
            await self._repository.interactions.update(
                f"{user}:{post}", lambda kept: without_reactions(kept) if kept else None
            )

    async def project_post(self, id: str, first: PostRecord | None = None) -> None:
        """Make all lists agree with a post. A deleted account keeps no post.

        `first` is what its first event says. It saves a read: afterwards the post is read anyway.
        Two to five state calls for a new post, eight for a boost; one more without `first`.
        """
        post = first or await self._repository.posts.get(id)
        if post is None:
            return
        await self._update_post_lists(post)
        if post.deleted:
            return
        is_author_deleted, now = await self._repository.current_state(post)
        if is_author_deleted:
            now = await self._repository.posts.update(
                id, lambda kept: tombstone(kept) if kept else None
            )
        # Lists show nothing else that can change. A post that the store has lost is deleted too.
        if now is None or now.deleted:
            await self._update_post_lists(now or tombstone(post))

    async def _update_post_lists(self, post: PostRecord) -> None:
        repository = self._repository
        own = repository.directs if post.visibility == "direct" else repository.authored
        await _set_listed(own, post.author, [post.id], listed=not post.deleted)
        if post.reblog_of_id:
            row = [post.id, post.author, post.visibility]
            await _set_listed(
                repository.rebloggers, post.reblog_of_id, row, listed=not post.deleted
            )
            await boosts.reconcile_boost_post(repository, post)
        elif post.deleted:
            await boosts.delete_next_boosts(repository, post.id)
            await repository.histories.delete(post.id)


async def _update_reaction_list(
    lists: SegmentedLists, id: str, reaction: Reaction, other: str
) -> None:
    """Make a list contain a reaction at its position and at no other."""
    if reaction.removed_ids:
        await lists.remove(id, reaction.removed_ids)
    if reaction.position:
        await lists.insert(id, [[reaction.position, other]])


async def _set_listed(lists: SegmentedLists, id: str, row: list[str], *, listed: bool) -> None:
    if listed:
        await lists.insert(id, [row])
    else:
        await lists.remove(id, [row[0]])
