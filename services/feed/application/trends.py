"""Trends: collected in memory, written every few seconds, and ranked at most as often.

A replica writes at most `2 * BUCKET_SHARDS` documents in `FLUSH_INTERVAL` seconds, however much is
posted and favourited. To rank it reads the documents of two hours; older ones do not change and are
read once. A crash loses the uses since the last write, some seconds of trends and nothing else.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Literal

from cachetools import TTLCache

from services.chassis.errors import ServiceError
from services.chassis.ids import id_time
from services.feed.domain.trending import (
    BUCKET_SHARDS,
    WINDOW_HOURS,
    Fingerprints,
    TrendBucket,
    bucket_id,
    bucket_shard,
    can_trend,
    fingerprint,
    hour_of,
    rank,
)
from services.feed.repository import Repository

FLUSH_INTERVAL = 3.0
"""Seconds between writes."""

_RANKING_TTL = 3.0
_MAX_PENDING = 5_000
_MAX_RANKED = 100

TrendKind = Literal["tags", "posts"]
PendingUses = dict[tuple[int, str], set[str]]
"""The accounts that used something, by hour and name."""

log = logging.getLogger(__name__)


class TrendTracker:
    """Records uses and ranks trends."""

    def __init__(self, repository: Repository, clock: Callable[[], float] = time.time) -> None:
        self._repository = repository
        self._clock = clock
        self._pending: dict[TrendKind, PendingUses] = {"tags": {}, "posts": {}}
        self._hours: dict[TrendKind, dict[int, Mapping[str, list[int]]]] = {"tags": {}, "posts": {}}
        self._ranked: TTLCache[TrendKind, list[str]] = TTLCache(2, _RANKING_TTL)

    def record_post(self, post: Mapping[str, Any]) -> None:
        """Count a public post for its hashtags, and a reply or boost for its post."""
        if post["deleted"] or post["visibility"] not in ("public", "unlisted"):
            return
        if post["visibility"] == "public":
            for tag in post["tags"]:
                self._record("tags", tag, post["author"], post["id"])
        about = post.get("reblog_of_id") or post["in_reply_to_id"]
        if about:
            self._record("posts", about, post["author"], post["id"])

    def record_favourite(self, post: str, account: str, favourite: str) -> None:
        """Count a favourite for its post."""
        self._record("posts", post, account, favourite)

    def _record(self, kind: TrendKind, name: str, account: str, use: str) -> None:
        """Record a use by an account at the time of an id."""
        if not use.isdigit():
            return
        hour = hour_of(id_time(use).timestamp())
        pending = self._pending[kind]
        if hour <= self._current_hour() - WINDOW_HOURS or len(pending) >= _MAX_PENDING:
            return
        pending.setdefault((hour, name), set()).add(account)

    @asynccontextmanager
    async def flush_at_shutdown(self) -> AsyncIterator[None]:
        """Write the pending uses once more when the service stops."""
        try:
            yield
        finally:
            try:
                await self.flush()
            except ServiceError as error:
                log.warning("cannot write trends", extra={"why": error.message})

    async def flush(self) -> None:
        """Write the pending uses. Those that cannot be written stay pending."""
        for kind in ("tags", "posts"):
            pending, self._pending[kind] = self._pending[kind], {}
            try:
                await self._write(kind, pending)
            except ServiceError:
                for key, accounts in pending.items():
                    self._pending[kind].setdefault(key, set()).update(accounts)
                raise

    async def _write(self, kind: TrendKind, pending: PendingUses) -> None:
        uses = await self._public_post_uses(pending) if kind == "posts" else pending
        buckets: dict[str, dict[str, Fingerprints]] = {}
        for (hour, name), accounts in uses.items():
            bucket = buckets.setdefault(bucket_id(kind, hour, bucket_shard(name)), {})
            bucket[name] = {fingerprint(account) for account in accounts}
        for id, bucket in buckets.items():
            await self._repository.trend_buckets.update(id, partial(_with_uses, bucket))

    async def _public_post_uses(self, pending: PendingUses) -> PendingUses:
        """Return the uses of posts that can trend, named with their authors.

        What authors do with their own posts is left out.
        """
        known = await self._repository.posts.get_many({post for _, post in pending})
        uses: PendingUses = {}
        for (hour, id), accounts in pending.items():
            post = known[id].post if id in known else {}
            if post and can_trend(post):
                uses[hour, f"{id}:{post['author']}"] = accounts - {post["author"]}
        return uses

    async def tags(self) -> list[str]:
        """Return trending hashtags, strongest first."""
        return await self._rank("tags")

    async def posts(self) -> list[tuple[str, str]]:
        """Return trending posts with their authors, strongest first. Readers check them again."""
        named = [name.partition(":") for name in await self._rank("posts")]
        return [(post, author) for post, _, author in named]

    async def _rank(self, kind: TrendKind) -> list[str]:
        names = self._ranked.get(kind)
        if names is None:
            await self._read(kind)
            names = rank(self._hours[kind], self._current_hour())[:_MAX_RANKED]
            self._ranked[kind] = names
        return names

    async def _read(self, kind: TrendKind) -> None:
        """Update the known hours. One state call."""
        now, known = self._current_hour(), self._hours[kind]
        wanted = [
            hour
            for hour in range(now - WINDOW_HOURS + 1, now + 1)
            if hour >= now - 1 or hour not in known
        ]
        ids = {
            bucket_id(kind, hour, shard): hour for hour in wanted for shard in range(BUCKET_SHARDS)
        }
        found = await self._repository.trend_buckets.get_many(ids)
        fresh: dict[int, dict[str, list[int]]] = {hour: {} for hour in wanted}
        for id, bucket in found.items():
            fresh[ids[id]] |= bucket.entries
        kept = {hour: entries for hour, entries in known.items() if hour > now - WINDOW_HOURS}
        self._hours[kind] = kept | fresh

    def _current_hour(self) -> int:
        return hour_of(self._clock())


def _with_uses(uses: Mapping[str, Fingerprints], bucket: TrendBucket | None) -> TrendBucket:
    return (bucket or TrendBucket()).with_uses(uses)
