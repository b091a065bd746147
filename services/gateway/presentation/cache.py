"""Rendered bytes, cached within a bound on memory."""

from __future__ import annotations

from collections.abc import Hashable

from cachetools import LRUCache

_OVERHEAD = 400  # bytes of an entry beside its value: key, hash table entry, bytes object


class LruByteCache:
    """Bytes by key. The least recently used entries are evicted."""

    def __init__(self, max_bytes: int) -> None:
        self._entries: LRUCache[Hashable, bytes] = LRUCache(max_bytes, getsizeof=_size)
        self.hits = self.misses = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable) -> bytes | None:
        """The value, or None. No value is empty."""
        try:  # the `get` of cachetools looks twice
            value: bytes = self._entries[key]
        except KeyError:
            self.misses += 1
            return None
        self.hits += 1
        return value

    def put(self, key: Hashable, value: bytes) -> bytes:
        """Store a value and return it. A value larger than the cache is not stored."""
        if _size(value) <= self._entries.maxsize:
            self._entries[key] = value
        else:
            self._entries.pop(key, None)
        return value


def _size(value: bytes) -> int:
    return len(value) + _OVERHEAD
