"""Documents that many requests read, cached in memory for a moment."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from cachetools import FIFOCache

from services.chassis.dapr.state import StateStore

DEFAULT_TTL = 2.0
"""Seconds for which a document is cached."""

MAX_DOCUMENTS = 10_000
"""Cached documents. At about 4 KB each they take 40 MB."""

Envelope = dict[str, Any]


class DocumentCache:
    """Encoded documents by key. The ones that were read longest ago are evicted first.

    A change by this process is visible at once if it calls `forget`; a change by another replica
    within `ttl` seconds. With `absent`, missing documents are cached too.
    """

    def __init__(
        self,
        state: StateStore,
        ttl: float = DEFAULT_TTL,
        max_documents: int = MAX_DOCUMENTS,
        *,
        absent: bool = False,
    ) -> None:
        self._state = state
        self._ttl = ttl
        self._absent = absent
        self.hits = self.misses = 0
        self._cached: FIFOCache[str, tuple[float, Envelope | None]] = FIFOCache(max_documents)

    async def read(self, keys: Iterable[str], also: Iterable[str] = ()) -> dict[str, Envelope]:
        """Return the existing documents under some keys. Those under `also` are not cached.

        One state call, or none if all are cached.
        """
        oldest = time.monotonic() - self._ttl
        found: dict[str, Envelope] = {}
        missing: list[str] = []
        asked = 0
        for asked, key in enumerate(keys, 1):  # noqa: B007 (used after the loop)
            try:
                read_at, envelope = self._cached[key]
            except KeyError:
                missing.append(key)
                continue
            if read_at <= oldest:
                missing.append(key)
            elif envelope is not None:
                found[key] = envelope
        self.misses += len(missing)
        self.hits += asked - len(missing)
        beside = list(also)
        if not missing and not beside:
            return found
        started = time.monotonic()
        rows = await self._state.get_many([*missing, *beside])
        found |= {key: entry.value for key, entry in rows.items()}
        for key in missing:
            if self._absent or key in found:
                self._cached[key] = started, found.get(key)
        return found

    def forget(self, key: str) -> None:
        """Drop a document that was changed."""
        self._cached.pop(key, None)
