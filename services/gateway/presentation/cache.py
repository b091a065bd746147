"""Rendered bytes, kept while they are asked for, within a bound on memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

_OVERHEAD = 400  # bytes that an entry costs beside its own: key, row of the table, bytes object


class LruByteCache:
    """Bytes by key; the one that was not asked for longest leaves first."""

    def __init__(self, bytes_at_most: int) -> None:
        self._free_bytes = bytes_at_most
        self._entries: OrderedDict[Hashable, bytes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable) -> bytes | None:
        """What is kept under a key."""
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def put(self, key: Hashable, value: bytes) -> bytes:
        """Keep something, in the place of what was under the key, and give it back."""
        before = self._entries.pop(key, None)
        if before is not None:
            self._free_bytes += len(before) + _OVERHEAD
        self._entries[key] = value
        self._free_bytes -= len(value) + _OVERHEAD
        while self._free_bytes < 0:
            _, oldest = self._entries.popitem(last=False)
            self._free_bytes += len(oldest) + _OVERHEAD
        return value
