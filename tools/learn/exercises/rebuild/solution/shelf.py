"""A read model: the stories that exist, with their versions. One document, `shelf`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from services.chassis.dapr.state import StateStore, VersionConflict
from services.chassis.errors import Unavailable

Rows = Mapping[str, int]
"""Stories with their versions."""

MAX_ATTEMPTS = 100


class Shelf:
    """The read model. It is derived: the stories themselves are elsewhere."""

    def __init__(self, state: StateStore) -> None:
        self._state = state

    async def read(self) -> dict[str, int]:
        """Return all stories with their versions."""
        return dict((await self._state.get("shelf")).value or {})

    async def apply(self, story: str, version: int) -> None:
        """Handle the event of a story."""
        for _ in range(MAX_ATTEMPTS):
            entry = await self._state.get("shelf")
            rows: dict[str, int] = entry.value or {}
            if rows.get(story, 0) >= version:
                return
            try:
                await self._state.compare_and_set(
                    "shelf", {**rows, story: version}, etag=entry.etag
                )
            except VersionConflict:
                continue
            return
        raise Unavailable("The shelf keeps changing.")

    async def rebuild(self, read_stories: Callable[[], Awaitable[Rows]]) -> None:
        """Make the read model anew from the stories themselves.

        Readers see the old one or the new one. What is applied meanwhile stays.
        """
        before = await self.read()
        fresh = await read_stories()
        for _ in range(MAX_ATTEMPTS):
            entry = await self._state.get("shelf")
            rows: dict[str, int] = entry.value or {}
            meanwhile = {story: v for story, v in rows.items() if before.get(story) != v}
            newest = {s: max(v, fresh.get(s, 0)) for s, v in meanwhile.items()}
            try:
                await self._state.compare_and_set("shelf", {**fresh, **newest}, etag=entry.etag)
            except VersionConflict:
                continue
            return
        raise Unavailable("The shelf keeps changing.")
