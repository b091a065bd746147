"""Favourites and bookmarks: a mark is the truth, and is all that is written when one is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from services.chassis.security.token_verifier import Caller
from services.posts.domain.marks import Mark, Reaction
from services.posts.store import Store
from services.posts.views import Views

Kind = Literal["favourite", "bookmark"]


class Reactions:
    """Sets and unsets marks. `ids` makes the ids that lists are sorted by."""

    def __init__(self, store: Store, views: Views, *, ids: Callable[[], str]) -> None:
        self._store = store
        self._views = views
        self._ids = ids

    async def set(self, kind: Kind, id: str, caller: Caller, *, on: bool) -> dict[str, Any]:
        """Favourite or bookmark a post, or take that back; the `PostView` of it.

        The same cost however many like the post: three state calls, four where the caller has
        marked it before; and one invocation for somebody else's post. Raises `Forbidden` to like
        what somebody posted whom the caller blocks.
        """
        find = self._views.likeable if on and kind == "favourite" else self._views.target
        seen = await find(id, caller)
        user, post, author = caller.user_id, seen.post.id, seen.post.author
        if seen.mark is None and not on:
            return seen.view()
        new_id = self._ids()

        def decide(mark: Mark | None) -> Mark | None:
            mark = replace(mark or Mark(user, post), author=author)
            if kind == "favourite":
                return replace(mark, favourite=_turned(mark.favourite, new_id, on=on))
            return replace(mark, bookmark=_turned(mark.bookmark, new_id, on=on))

        mark = await self._store.marks.update(f"{user}:{post}", decide, fresh=seen.mark is None)
        return seen.view(mark)


def _turned(reaction: Reaction, id: str, *, on: bool) -> Reaction:
    return reaction.set(id) if on else reaction.unset()
