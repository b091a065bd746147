"""Rate limits, counted in memory and shared by all replicas of the gateway.

A request costs no state call. Counts are written to the state store at most once per second
(`sync`), in at most `SHARDS` documents per limiter, and the counts of the other replicas are read
there. Between two rounds a replica does not know the others' new counts: together they accept
`limit` and at most what arrives in that time, and never more than `limit` per replica
(docs/decisions/0004).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from services.chassis.ids import timestamp

SHARDS = 16
"""The number of documents that hold the counts of a limiter."""

_MAX_KEYS = 50_000

Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class RateLimitStatus:
    """The count of a key in the current window; `reset` is in seconds since 1970."""

    limit: int
    used: int
    reset: float

    @property
    def is_exceeded(self) -> bool:
        """Whether this request exceeds the limit."""
        return self.used > self.limit

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The three rate limit headers of every API response."""
        return [
            (b"x-ratelimit-limit", b"%d" % self.limit),
            (b"x-ratelimit-remaining", b"%d" % max(0, self.limit - self.used)),
            (b"x-ratelimit-reset", _reset_header(math.ceil(self.reset))),
        ]


@lru_cache(4096)
def _reset_header(seconds: int) -> bytes:
    return timestamp(datetime.fromtimestamp(seconds, UTC)).encode()


@lru_cache(4096)
def _hashed_key(key: str) -> tuple[str, int]:
    """The hash under which a key is counted, so that no address is stored, and its shard."""
    digest = blake2b(key.encode(), digest_size=8)
    return digest.hexdigest(), digest.digest()[0] % SHARDS


@dataclass(slots=True)
class _Shard:
    """The counts of some keys in one window: this replica's, and the others' as last read."""

    window: int = 0
    own: Counts = field(default_factory=dict)
    others: Counts = field(default_factory=dict)
    is_synced: bool = True


class RateLimiter:
    """Accepts at most `limit` requests per key and window of `window` seconds.

    Windows are aligned to the clock, so that replicas agree on them, and shifted per shard, so that
    they do not all end at once. Limiters with the same name and window share their counts. Above
    `max_keys` the oldest keys are dropped.
    """

    def __init__(
        self,
        name: str,
        limit: int,
        window: float,
        *,
        replica: str = "",
        max_keys: int = _MAX_KEYS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = f"{name}:{window:g}"
        self.exceeded = 0
        """Requests above the limit, in this process."""
        self._limit = limit
        self._window = window
        self._replica = replica
        self._max_keys_per_shard = max(1, max_keys // SHARDS)
        self._clock = clock
        self._shards = [_Shard() for _ in range(SHARDS)]

    def __len__(self) -> int:
        return sum(len(shard.own) for shard in self._shards)

    def hit(self, key: str) -> RateLimitStatus:
        """Count one request. Of the requests above the limit only the first one is counted."""
        name, index = _hashed_key(key)
        shard = self._current_shard(index)
        used = shard.own.get(name, 0) + shard.others.get(name, 0)
        if used <= self._limit:
            used += 1
            shard.own[name] = shard.own.get(name, 0) + 1
            shard.is_synced = False
            if len(shard.own) > self._max_keys_per_shard:
                del shard.own[next(iter(shard.own))]
        self.exceeded += used > self._limit
        return RateLimitStatus(self._limit, used, self._window_end(index, shard.window))

    # ── synchronization between replicas ────────────────────────────────────────────────────

    def unsynced_shards(self) -> Iterator[int]:
        """The shards with counts that the other replicas may not know."""
        return (i for i in range(SHARDS) if not self._current_shard(i).is_synced)

    def merge(self, index: int, document: dict[str, Any] | None) -> dict[str, Any] | None:
        """Merge the document of a shard. Return the new document, or None if it is up to date.

        Each replica changes only its own counts, and writes all of them, so the next write repairs
        a lost one.
        """
        shard = self._current_shard(index)
        if document is not None and document["window"] > shard.window:  # this clock is behind
            return None
        is_present = document is not None and document["window"] == shard.window
        counts: dict[str, Counts] = document["counts"] if document and is_present else {}
        shard.others = _sum(own for replica, own in counts.items() if replica != self._replica)
        shard.is_synced = counts.get(self._replica, {}) == shard.own
        if shard.is_synced:
            return None
        return {"window": shard.window, "counts": {**counts, self._replica: dict(shard.own)}}

    def _current_shard(self, index: int) -> _Shard:
        """A shard of the current window."""
        number = math.floor((self._clock() - self._offset(index)) / self._window)
        if self._shards[index].window != number:
            self._shards[index] = _Shard(number)
        return self._shards[index]

    def _window_end(self, index: int, number: int) -> float:
        return (number + 1) * self._window + self._offset(index)

    def _offset(self, index: int) -> float:
        return self._window * index / SHARDS


def _sum(parts: Iterator[Counts]) -> Counts:
    total: Counts = {}
    for counts in parts:
        for name, count in counts.items():
            total[name] = total.get(name, 0) + count
    return total
