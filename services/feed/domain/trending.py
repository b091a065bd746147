"""Trends: how many different accounts use a hashtag or react to a post, weighted by recency.

Every hour has a few buckets. An entry of a bucket is a hashtag or a post with the smallest
`MAX_FINGERPRINTS` fingerprints of the accounts that used it. They are a set, so a repeated event
counts once, and sufficient to estimate the number of accounts. Costs: docs/decisions/0007.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

Fingerprints = set[int]

MAX_FINGERPRINTS = 32
"""Fingerprints of an entry. Up to as many accounts the count is exact, beyond within a sixth."""

MAX_ENTRIES = 100
"""Entries of a bucket. The entries with the fewest accounts are dropped."""

BUCKET_SHARDS = 4
WINDOW_HOURS = 24
"""How many hours a use counts."""

HALF_LIFE_HOURS = 6
"""After how many hours a use counts half."""

MIN_ACCOUNTS = 2
"""How many accounts a trend needs at least."""

_HASH_SPACE = 1 << 32


@dataclass(frozen=True, slots=True)
class TrendBucket:
    """The document `trend:KIND:HOUR:SHARD`."""

    entries: dict[str, list[int]] = field(default_factory=dict)

    def with_uses(self, uses: Mapping[str, Fingerprints]) -> TrendBucket:
        """Return the bucket with more uses. Of equally used entries the newest are kept."""
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
    """Return a pseudorandom number for an account."""
    return int.from_bytes(blake2b(account.encode(), digest_size=4).digest(), "big")


def smallest_fingerprints(prints: Iterable[int]) -> list[int]:
    """Return the fingerprints that an entry keeps."""
    return sorted(set(prints))[:MAX_FINGERPRINTS]


def bucket_shard(name: str) -> int:
    """Return in which bucket of an hour an entry is."""
    return fingerprint(name) % BUCKET_SHARDS


def estimate(kept: list[int]) -> float:
    """Estimate the number of different accounts from the kept fingerprints."""
    return (
        len(kept)
        if len(kept) < MAX_FINGERPRINTS
        else (MAX_FINGERPRINTS - 1) * _HASH_SPACE / max(kept[-1], 1)
    )


def rank(hours: Mapping[int, Mapping[str, list[int]]], now: int) -> list[str]:
    """Return the trends of the hour `now`, strongest first.

    Each account counts once, at its latest use.
    """
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


def hour_of(moment: float) -> int:
    """Return the number of an hour, from seconds since 1970."""
    return int(moment // 3600)


def bucket_id(kind: str, hour: int, shard: int) -> str:
    """Return the id of a bucket."""
    return f"{kind}:{hour}:{shard}"


def can_trend(post: Mapping[str, Any]) -> bool:
    """Return whether a post may be shown to everybody as a trend."""
    return (
        not post["deleted"]
        and post["visibility"] == "public"
        and not post["in_reply_to_id"]
        and not post.get("reblog_of_id")
        and not post["sensitive"]
        and not post["spoiler_text"]
    )
