"""What is one for the whole instance and grows with it: how large it is, and when it is too large.

Each figure comes from the constants of the services and from documents that they really encode.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import orjson

from bench.capacity import LARGE, Capacity
from bench.scenarios import COMPOSE
from services.chassis.cache import DEFAULT_TTL
from services.feed.application.fanout import FLUSH_SIZE, KEPT
from services.feed.domain.relations import FOLLOWER_SHARDS, FollowerShard
from services.feed.domain.rows import row_of
from services.feed.domain.trending import MAX_ENTRIES, MAX_FINGERPRINTS, TrendBucket
from services.gateway.application.ready_pages import MAX_CHANGES, MAX_KEPT
from services.users.domain.name_index import (
    MAX_BUCKET_ENTRIES,
    MAX_KEY_CHARACTERS,
    MIN_KEY_CHARACTERS,
)
from services.users.domain.statistics import SHARDS, AccountStatistics, StatisticsShard

_ID = "116548270000002561"
_LARGE_KB = 100
"""A document of this size costs a read and a write of 9 ms of a sidecar, nearly as much as a post:
32 of 10 KB cost 7.9 and 19.7 (docs/benchmark.md, "What writes cost")."""

_SECOND_KB = 40
"""What a page may read more: 1 ms of a sidecar by the same table, as much as the floor has."""

_TREND_INTERVAL = 3.0
_TRENDS_KB = 0.6 * 32 * 10 / 0.0276
"""So much of one document keeps a sidecar busy for 60 % of a core, by the same table."""

_FOUND = MAX_BUCKET_ENTRIES * (MAX_KEY_CHARACTERS - MIN_KEY_CHARACTERS + 1)
"""Accounts that are found by one name: the buckets of its first two to six letters, all full."""

_COMMON_NAME = 0.005
"""The share of people who have the most common first name. Assumed."""


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """Something that there is once."""

    what: str
    unit: str
    value: Callable[[float], float]
    """Its size for so many people."""
    limit: float

    def breaks_at(self) -> float | None:
        """Return the number of people at which it reaches its limit; None if beyond a billion."""
        low, high = 1e2, 1e9
        if self.value(high) < self.limit:
            return None
        while high / low > 1.01:
            middle = (low * high) ** 0.5
            if self.value(middle) < self.limit:
                low = middle
            else:
                high = middle
        return high


def _kilobytes(value: object) -> float:
    return len(orjson.dumps(value)) / 1e3


def _posts(people: float) -> float:
    """Posts a second at the peak."""
    return Capacity(int(people)).rates[COMPOSE]


def _census(people: float) -> float:
    """One shard of the statistics: a line for each of its accounts, all written for each post."""
    line = AccountStatistics(posts=500, last_post=_ID, counted=500)
    few = StatisticsShard({_ID[:-1] + str(number): line for number in range(10)})
    return _kilobytes(few) / 10 * people / SHARDS


def _recent(people: float) -> float:
    """`recent:all`: what was not moved yet, and what was moved in the last `KEPT` seconds."""
    post = {"visibility": "public", "attachments": [], "in_reply_to_id": ""}
    row = _kilobytes(row_of({"id": _ID, "author": _ID, **post}))
    return row * (FLUSH_SIZE + KEPT * _posts(people))


def _changes(people: float) -> float:
    """Documents that posts changed, as every gateway remembers them."""
    return Capacity(int(people)).named_documents * (MAX_KEPT + DEFAULT_TTL)


def _follower_shard(people: float) -> float:
    """The shard of the best known account, written for each follower more."""
    followers = Capacity(int(people)).population.groups[0].followers / FOLLOWER_SHARDS
    few = FollowerShard({_ID[:-1] + str(number): 1 for number in range(10)})
    return _kilobytes(few) / 10 * followers


def _large_authors(people: float) -> float:
    """`large:all`, which every home page reads."""
    return _kilobytes(_ID) * Capacity(int(people)).population.large(LARGE).people


def _namesakes(people: float) -> float:
    """People with the most common first name. Those in full buckets are not found by it."""
    return _COMMON_NAME * people


def _trends(people: float) -> float:
    """KB a second of the bucket that every replica of feed reads and writes every three seconds."""
    few = TrendBucket({_ID: [1 << 31] * MAX_FINGERPRINTS})
    bucket = _kilobytes(few) * MAX_ENTRIES
    return bucket * Capacity(int(people)).replicas["feed"] / _TREND_INTERVAL


BOTTLENECKS = (
    Bottleneck("namesakes in the index of names", "", _namesakes, _FOUND),
    Bottleneck("`census:SHARD`, written with each post", "KB", _census, _LARGE_KB),
    Bottleneck("`followers:USER:SHARD` of the best known", "KB", _follower_shard, _LARGE_KB),
    Bottleneck("`recent:all`, read with each home page", "KB", _recent, _SECOND_KB),
    Bottleneck("`large:all`, read with each home page", "KB", _large_authors, _SECOND_KB),
    Bottleneck("changes by posts that a gateway remembers", "", _changes, MAX_CHANGES),
    Bottleneck("a bucket of trends, written by all replicas", "KB/s", _trends, _TRENDS_KB),
)
