"""Accounts and posts as they are shown to somebody, kept like ready pages.

They are what pages of notifications consist of: a page with a new notification mostly shows the
same people and posts as the one before.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from cachetools import LRUCache

from services.gateway.application.ready_pages import DocumentChanges

_DOCUMENT_BYTES = 80  # the name of a document in the list of an entity
_OVERHEAD = 600  # bytes of an entity beside its body and documents: key, table entry


@dataclass(frozen=True, slots=True)
class RenderedEntity:
    """An entity as JSON, the documents it depends on, and when its reading began."""

    body: bytes
    documents: tuple[str, ...]
    read_at: float

    @property
    def size(self) -> int:
        """The memory that it takes, in bytes."""
        return len(self.body) + len(self.documents) * _DOCUMENT_BYTES + _OVERHEAD


class RenderedEntities:
    """Entities by key, at most `max_bytes` of them. Those that were asked for longest ago go first.

    A key must contain whose entity it is, if it is not the same for everybody.
    """

    def __init__(self, changes: DocumentChanges, max_bytes: int) -> None:
        self._changes = changes
        self._entities: LRUCache[Hashable, RenderedEntity] = LRUCache(max_bytes, getsizeof=_size)
        self.hits = self.misses = 0

    @property
    def size(self) -> int:
        """The memory that the entities take, in bytes."""
        return int(self._entities.currsize)

    def get_many(self, keys: Iterable[Hashable]) -> dict[Hashable, bytes]:
        """The entities that may still be served.

        If one is missing, also those are left out that soon will be: a call for all costs little
        more than a call for one.
        """
        wanted = list(dict.fromkeys(keys))
        found = {key: entity for key in wanted if (entity := self._current(key))}
        self.hits += len(found)
        self.misses += len(wanted) - len(found)
        if len(found) < len(wanted):
            oldest = self._changes.now() - self._changes.max_age / 2
            found = {key: entity for key, entity in found.items() if entity.read_at > oldest}
        return {key: entity.body for key, entity in found.items()}

    def oldest(self, keys: Iterable[Hashable]) -> float:
        """When the reading of the oldest of some entities began; now, if there are none."""
        found = (self._entities.get(key) for key in keys)
        return min((each.read_at for each in found if each), default=self._changes.now())

    def _current(self, key: Hashable) -> RenderedEntity | None:
        entity = self._entities.get(key)
        if entity is None or self._changes.is_current(entity.documents, entity.read_at):
            return entity
        del self._entities[key]
        return None

    def put(self, key: Hashable, entity: RenderedEntity) -> None:
        """Keep an entity, unless it is outdated already or larger than the cache."""
        if entity.size <= self._entities.maxsize and self._changes.is_current(
            entity.documents, entity.read_at
        ):
            self._entities[key] = entity


def _size(entity: RenderedEntity) -> int:
    return entity.size
