"""What trends: how many different accounts use a hashtag or react to a post, the latest most.

Every hour has a few buckets. An entry of a bucket is a hashtag or a post with the smallest
`MAX_FINGERPRINTS` of the fingerprints of the accounts that used it: a set, so that what is heard
twice counts once, and enough to estimate how many there were. What it costs: docs/decisions/0007.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

Fingerprints = set[int]

MAX_FINGERPRINTS = 32
"""Fingerprints kept of an entry: exact up to so many accounts, and within a sixth beyond."""

MAX_ENTRIES = 100
"""Entries of a bucket: of what does not fit, that which fewest used is forgotten."""

BUCKET_SHARDS = 4
WINDOW_HOURS = 24
"""For how long a use counts at all."""

HALF_LIFE_HOURS = 6
"""After how many hours a use counts half."""

MIN_ACCOUNTS = 2
"""How many accounts it takes: nobody makes a trend alone."""

_HASH_SPACE = 1 << 32


@dataclass(frozen=True, slots=True)
class TrendBucket:
    """The document `trend:KIND:HOUR:SHARD`."""

    entries: dict[str, list[int]] = field(default_factory=dict)

    def with_uses(self, uses: Mapping[str, Fingerprints]) -> TrendBucket:
        """With more uses; of entries that as many used, those of now stay."""
        entries = dict(self.entries)
        for name, prints in uses.items():
            entries[name] = smallest_fingerprints([*entries.pop(name, ()), *prints])
        if len(entries) > MAX_ENTRIES:
            newest_first = list(reversed(entries))
            newest_first.sort(key=lambda name: len(entries[name]), reverse=True)
            kept = set(newest_first[:MAX_ENTRIES])
            entries = {name: prints for name, prints in entries.items() if name in kept}
        return self if entries == self.entries else TrendBucket(entries)


def fingerprint(account: str) -> int:
    """A number for an account, as if drawn at random."""
    return int.from_bytes(blake2b(account.encode(), digest_size=4).digest(), "big")


def smallest_fingerprints(prints: Iterable[int]) -> list[int]:
    """The fingerprints that are kept of many."""
    return sorted(set(prints))[:MAX_FINGERPRINTS]


def bucket_shard(name: str) -> int:
    """In which bucket of an hour an entry is."""
    return fingerprint(name) % BUCKET_SHARDS


def estimate(kept: list[int]) -> float:
    """How many different accounts there were, from the fingerprints that were kept."""
    return (
        len(kept)
        if len(kept) < MAX_FINGERPRINTS
        else (MAX_FINGERPRINTS - 1) * _HASH_SPACE / max(kept[-1], 1)
    )


def rank(hours: Mapping[int, Mapping[str, list[int]]], now: int) -> list[str]:
    """What trends in the hour `now`, most first. Each account counts once, when it was last."""
    latest: dict[str, dict[int, int]] = {}
    for hour in sorted(hour for hour in hours if now - WINDOW_HOURS < hour <= now + 1):
        for name, prints in hours[hour].items():
            latest.setdefault(name, {}).update(dict.fromkeys(prints, min(hour, now)))
    scores = {
        name: _score(accounts, now)
        for name, accounts in latest.items()
        if len(accounts) >= MIN_ACCOUNTS
    }
    return sorted(scores, key=lambda name: (-scores[name], name))


def _score(accounts: Mapping[int, int], now: int) -> float:
    kept = smallest_fingerprints(accounts)
    weight: float = sum(0.5 ** ((now - accounts[one]) / HALF_LIFE_HOURS) for one in kept)
    return weight * estimate(kept) / len(kept)
