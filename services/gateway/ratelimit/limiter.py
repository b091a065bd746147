"""How often somebody may ask: counted in memory, and shared by all replicas of the gateway.

A request costs no state call. What was counted is told to the state store at most once a second
(`ledger`), in at most `SHARDS` documents of each kind of limit, and what the other replicas counted
is learnt there. So for a second a replica does not know of the others' counts: together they let in
`limit` and, at most, what arrives within that second, never more than `limit` for each replica
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
"""In how many documents the counts of a limiter lie."""

_MAX_KEYS = 50_000

Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class RateLimitStatus:
    """Where somebody stands in the present window; `reset` is in seconds since 1970."""

    limit: int
    used: int
    reset: float

    @property
    def is_exceeded(self) -> bool:
        """Whether this very request is one too many."""
        return self.used > self.limit

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The three headers that every answer of the API carries."""
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
    """Under which name a key is counted, so that no address is written down, and in which shard."""
    digest = blake2b(key.encode(), digest_size=8)
    return digest.hexdigest(), digest.digest()[0] % SHARDS


@dataclass(slots=True)
class _Shard:
    """The counts of some keys in one window: of this replica, and of the others as last heard."""

    window: int = 0
    own: Counts = field(default_factory=dict)
    others: Counts = field(default_factory=dict)
    is_synced: bool = True


class RateLimiter:
    """At most `limit` requests of each key within each `window` seconds.

    Windows are cut by the clock, so that replicas agree on them, and end at another time in each
    shard, so that not everybody's do at once. Limiters of one name and window share their counts.
    Beyond `remembered` keys the oldest are forgotten.
    """

    def __init__(
        self,
        name: str,
        limit: int,
        window: float,
        *,
        replica: str = "",
        remembered: int = _MAX_KEYS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = f"{name}:{window:g}"
        self._limit = limit
        self._window = window
        self._replica = replica
        self._max_keys_per_shard = max(1, remembered // SHARDS)
        self._clock = clock
        self._shards = [_Shard() for _ in range(SHARDS)]

    def __len__(self) -> int:
        return sum(len(shard.own) for shard in self._shards)

    def hit(self, key: str) -> RateLimitStatus:
        """Count one request. Of those beyond the limit one is counted, which says enough."""
        name, index = _hashed_key(key)
        shard = self._current_shard(index)
        used = shard.own.get(name, 0) + shard.others.get(name, 0)
        if used <= self._limit:
            used += 1
            shard.own[name] = shard.own.get(name, 0) + 1
            shard.is_synced = False
            if len(shard.own) > self._max_keys_per_shard:
                del shard.own[next(iter(shard.own))]
        return RateLimitStatus(self._limit, used, self._window_end(index, shard.window))

    # ── what replicas tell one another ──────────────────────────────────────────────────────

    def unsynced_shards(self) -> Iterator[int]:
        """The shards in which this replica has counted what the others may not know."""
        return (i for i in range(SHARDS) if not self._current_shard(i).is_synced)

    def merge(self, index: int, document: dict[str, Any] | None) -> dict[str, Any] | None:
        """Learn what the document of a shard says; gives what it should say, None if it does.

        Each replica only ever changes its own counts, and writes all of them: whatever becomes of
        a write, the next one makes it good.
        """
        shard = self._current_shard(index)
        if document is not None and document["window"] > shard.window:  # our clock is behind
            return None
        is_present = document is not None and document["window"] == shard.window
        counts: dict[str, Counts] = document["counts"] if document and is_present else {}
        shard.others = _sum(own for replica, own in counts.items() if replica != self._replica)
        shard.is_synced = counts.get(self._replica, {}) == shard.own
        if shard.is_synced:
            return None
        return {"window": shard.window, "counts": {**counts, self._replica: dict(shard.own)}}

    def _current_shard(self, index: int) -> _Shard:
        """A shard in the window that is now."""
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
