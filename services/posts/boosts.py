"""Boosting: the mark first, then the post that it names (see `domain/boosts.py`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from services.chassis.errors import Unavailable
from services.chassis.ids import id_time, timestamp
from services.chassis.security.token_verifier import Caller
from services.chassis.storage.window import Window
from services.posts.domain import boosts as rules
from services.posts.domain.marks import Boost, Mark
from services.posts.domain.posts import Post, Visibility, tombstone
from services.posts.store import Store
from services.posts.views import Seen, Views

TURNS = 4
"""How often boosting is tried, because the same person takes it back meanwhile."""

FELLED = 4
"""How many boosts of a deleted post are buried at once; each takes as many with it."""


class Boosts:
    """Makes boosts and takes them back. `ids` makes the ids of their posts."""

    def __init__(self, store: Store, views: Views, *, ids: Callable[[], str]) -> None:
        self._store = store
        self._views = views
        self._ids = ids

    async def make(self, id: str, wanted: Visibility | None, caller: Caller) -> dict[str, Any]:
        """Boost a post; the `PostView` of the boost, the same one for a repeat.

        Three state calls, and five in all the first time; one invocation for somebody else's post.
        """
        seen = await self._views.likeable(id, caller)
        user, original = caller.user_id, seen.post
        visibility = rules.visibility_of(original, user, wanted)
        blank = Mark(user, original.id, original.author)
        mark = replace(seen.mark or blank, author=original.author)
        is_new = False
        for _ in range(TURNS):
            if mark.reblog.id:
                boost = await agree(self._store, mark, fresh=is_new)
                if mark.reblog.on and not boost.deleted:
                    return Seen(boost, 1, seen.record, reblog=seen).view(mark)
            mark = await self._renew(mark, visibility, fresh=seen.mark is None and not is_new)
            is_new = True
        raise Unavailable("The boost is taken back at the same time. Try again.")

    async def _renew(self, mark: Mark, visibility: Visibility, *, fresh: bool) -> Mark:
        """Name another boost in a mark, whose last one is buried."""
        boost = Boost(on=True, id=self._ids(), visibility=visibility)

        def decide(there: Mark | None) -> Mark:
            return rules.boosting(there or mark, mark.author, mark.reblog, boost)

        id = f"{mark.user}:{mark.post}"
        return await self._store.marks.update(id, decide, fresh=fresh) or mark

    async def unmake(self, id: str, caller: Caller) -> dict[str, Any]:
        """Take a boost back; the `PostView` of what was boosted. A repeat changes nothing."""
        seen = await self._views.target(id, caller)
        mark = seen.mark
        if mark is not None and mark.reblog.on:
            mark = await self._undo(mark)
        return seen.view(mark)

    async def delete(self, boost: Post) -> None:
        """Take a boost back by its own id."""
        mark = await self._store.marks.get(_mark_of(boost))
        if mark is not None and mark.reblog.id == boost.id:
            await self._undo(mark)
        await bury(self._store, boost.id)

    async def _undo(self, mark: Mark) -> Mark:
        id = mark.reblog.id
        now = await self._store.marks.update(
            f"{mark.user}:{mark.post}", lambda there: rules.unboosting(there or mark, id)
        )
        off = rules.unboosting(mark, id)
        await agree(self._store, off)
        return now or off


async def agree(store: Store, mark: Mark, *, fresh: bool = False) -> Post:
    """Make the post that a mark names agree with it, and return it. Two state calls."""
    boost = rules.boost_of(mark, timestamp(id_time(mark.reblog.id)))

    def decide(there: Post | None) -> Post:
        return rules.agreed(there, boost, on=mark.reblog.on)

    return await store.posts.update(boost.id, decide, fresh=fresh) or boost


async def bury(store: Store, id: str) -> None:
    """End a boost, if it is there."""
    await store.posts.update(id, lambda there: tombstone(there) if there else None)


async def follow(store: Store, boost: Post) -> None:
    """Make everything agree with a boost's post: its mark, and whether there is what it shows.

    The boosts of a deleted post fall one by one, however many there are: who hears that one is
    buried buries the next ones. None is left standing, for each is in the list of boosts before it
    is seen whether the post is still there.
    """
    original = await store.posts.get(boost.reblog_of_id or "")
    if boost.deleted:
        await store.marks.update(
            _mark_of(boost), lambda mark: rules.unboosting(mark, boost.id) if mark else None
        )
    if original is None or original.deleted:
        await bury(store, boost.id)
        await fell(store, boost.reblog_of_id or "")


async def fell(store: Store, original: str) -> None:
    """Bury the next boosts of a deleted post."""
    for row in await store.rebloggers.page(original, Window(FELLED)):
        await bury(store, row[0])


def _mark_of(boost: Post) -> str:
    return f"{boost.author}:{boost.reblog_of_id}"
