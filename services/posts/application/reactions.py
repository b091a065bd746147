"""Commands on favourites and bookmarks. A command writes the interaction only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from services.chassis.security.caller import Caller
from services.posts.application.queries import PostQueries
from services.posts.domain.interactions import Interaction, Reaction
from services.posts.repository import Repository

ReactionKind = Literal["favourite", "bookmark"]


class ReactionService:
    """Sets and removes reactions. `ids` generates their positions in lists."""

    def __init__(
        self, repository: Repository, queries: PostQueries, *, ids: Callable[[], str]
    ) -> None:
        self._repository = repository
        self._queries = queries
        self._ids = ids

    async def set(self, kind: ReactionKind, id: str, caller: Caller, *, on: bool) -> dict[str, Any]:
        """Set or remove a reaction and return the `PostView` of the post.

        Three state calls, four if the caller reacted to the post before, however many users did;
        one invocation for another user's post. Raises `Forbidden` for a favourite on a post whose
        author the caller blocks.
        """
        is_public = on and kind == "favourite"
        find = self._queries.get_reactable if is_public else self._queries.get_original
        seen = await find(id, caller)
        user, post, author = caller.user_id, seen.post.id, seen.post.author
        if seen.interaction is None and not on:
            return seen.view()
        new_id = self._ids()

        def decide(kept: Interaction | None) -> Interaction | None:
            kept = replace(kept or Interaction(user, post), author=author)
            if kind == "favourite":
                return replace(kept, favourite=_switched(kept.favourite, new_id, on=on))
            return replace(kept, bookmark=_switched(kept.bookmark, new_id, on=on))

        interaction = await self._repository.interactions.update(
            f"{user}:{post}", decide, expect_absent=seen.interaction is None
        )
        return seen.view(interaction)


def _switched(reaction: Reaction, id: str, *, on: bool) -> Reaction:
    return reaction.set(id) if on else reaction.unset()
