"""Favourites and bookmarks: a mark is the truth, and is all that is written when one is made."""

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
    """Sets and unsets marks. `ids` makes the ids that lists are sorted by."""

    def __init__(
        self, repository: Repository, views: PostQueries, *, ids: Callable[[], str]
    ) -> None:
        self._repository = repository
        self._queries = views
        self._ids = ids

    async def set(self, kind: ReactionKind, id: str, caller: Caller, *, on: bool) -> dict[str, Any]:
        """Favourite or bookmark a post, or take that back; the `PostView` of it.

        The same cost however many like the post: three state calls, four where the caller has
        marked it before; and one invocation for somebody else's post. Raises `Forbidden` to like
        what somebody posted whom the caller blocks.
        """
        find = (
            self._queries.get_reactable
            if on and kind == "favourite"
            else self._queries.get_original
        )
        seen = await find(id, caller)
        user, post, author = caller.user_id, seen.post.id, seen.post.author
        if seen.interaction is None and not on:
            return seen.view()
        new_id = self._ids()

        def decide(mark: Interaction | None) -> Interaction | None:
            mark = replace(mark or Interaction(user, post), author=author)
            if kind == "favourite":
                return replace(mark, favourite=_switched(mark.favourite, new_id, on=on))
            return replace(mark, bookmark=_switched(mark.bookmark, new_id, on=on))

        mark = await self._repository.interactions.update(
            f"{user}:{post}", decide, fresh=seen.interaction is None
        )
        return seen.view(mark)


def _switched(reaction: Reaction, id: str, *, on: bool) -> Reaction:
    return reaction.set(id) if on else reaction.unset()
