"""Trends: gathered in memory, written every few seconds, ranked at most once in as many.

A replica writes at most `2 * BUCKET_SHARDS` documents in `FLUSH_INTERVAL` seconds, however much is
posted and liked, and reads those of two hours to rank; older ones do not change, and are read once.
A crash loses what was gathered since the last write: some seconds of what trends, nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

from services.chassis.errors import ServiceError
from services.chassis.ids import id_time
from services.feed.domain.trending import (
    BUCKET_SHARDS,
    WINDOW_HOURS,
    Fingerprints,
    TrendBucket,
    bucket_shard,
    fingerprint,
    rank,
)
from services.feed.repository import Repository

log = logging.getLogger(__name__)

FLUSH_INTERVAL = 3.0
"""Seconds between writes."""

_RANKING_TTL = 3.0
"""For how many seconds a ranking is good."""

_MAX_PENDING = 5_000
_MAX_RANKED = 100

TrendKind = Literal["tags", "posts"]
PendingUses = dict[tuple[int, str], set[str]]
"""Who used what in which hour, by account."""


class TrendTracker:
    """What is used much at present."""

    def __init__(self, repository: Repository, clock: Callable[[], float] = time.time) -> None:
        self._repository = repository
        self._clock = clock
        self._pending: dict[TrendKind, PendingUses] = {"tags": {}, "posts": {}}
        self._hours: dict[TrendKind, dict[int, Mapping[str, list[int]]]] = {"tags": {}, "posts": {}}
        self._ranked: dict[TrendKind, tuple[float, list[str]]] = {}

    # ── what is heard ───────────────────────────────────────────────────────────────────────

    def record_post(self, post: Mapping[str, Any]) -> None:
        """A public post counts for its hashtags, a reply or a boost for the post it is about."""
        if post["deleted"] or post["visibility"] not in ("public", "unlisted"):
            return
        if post["visibility"] == "public":
            for tag in post["tags"]:
                self._record("tags", tag, post["author"], post["id"])
        about = post.get("reblog_of_id") or post["in_reply_to_id"]
        if about:
            self._record("posts", about, post["author"], post["id"])

    def record_favourite(self, post: str, account: str, favourite: str) -> None:
        """A favourite counts for its post."""
        self._record("posts", post, account, favourite)

    def _record(self, kind: TrendKind, name: str, account: str, when: str) -> None:
        if not when.isdigit():
            return
        hour = hour_of(id_time(when).timestamp())
        gathered = self._pending[kind]
        if hour <= self._current_hour() - WINDOW_HOURS or len(gathered) >= _MAX_PENDING:
            return
        gathered.setdefault((hour, name), set()).add(account)

    # ── what is kept ────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Write what was gathered, again and again, and once more at the end."""
        try:
            while True:
                await asyncio.sleep(FLUSH_INTERVAL)
                await self._try_flush()
        except asyncio.CancelledError:
            await asyncio.shield(self._try_flush())
            raise

    async def _try_flush(self) -> None:
        try:
            await self.flush()
        except ServiceError as failure:
            log.warning("could not write what trends", extra={"why": failure.message})

    async def flush(self) -> None:
        """Write what was gathered; what could not be written stays gathered."""
        for kind in ("tags", "posts"):
            gathered, self._pending[kind] = self._pending[kind], {}
            try:
                await self._write(kind, gathered)
            except ServiceError:
                for key, accounts in gathered.items():
                    self._pending[kind].setdefault(key, set()).update(accounts)
                raise

    async def _write(self, kind: TrendKind, gathered: PendingUses) -> None:
        uses = await self._public_post_uses(gathered) if kind == "posts" else gathered
        buckets: dict[str, dict[str, Fingerprints]] = {}
        for (hour, name), accounts in uses.items():
            bucket = buckets.setdefault(bucket_id(kind, hour, bucket_shard(name)), {})
            bucket[name] = {fingerprint(account) for account in accounts}
        for id, bucket in buckets.items():
            await self._repository.trend_buckets.update(id, partial(_with_uses, bucket))

    async def _public_post_uses(self, gathered: PendingUses) -> PendingUses:
        """Those that may trend, named with their author; what authors do themselves is left out."""
        cards = await self._repository.posts.get_many({post for _, post in gathered})
        uses: PendingUses = {}
        for (hour, id), accounts in gathered.items():
            post = cards[id].post if id in cards else {}
            if post and can_trend(post):
                uses[hour, f"{id}:{post['author']}"] = accounts - {post["author"]}
        return uses

    # ── what is asked ───────────────────────────────────────────────────────────────────────

    async def tags(self) -> list[str]:
        """Hashtags that trend, most first."""
        return await self._rank("tags")

    async def posts(self) -> list[tuple[str, str]]:
        """Posts that trend with their authors, most first. Who reads them checks them again."""
        named = [name.partition(":") for name in await self._rank("posts")]
        return [(post, author) for post, _, author in named]

    async def _rank(self, kind: TrendKind) -> list[str]:
        until, names = self._ranked.get(kind, (0.0, []))
        if time.monotonic() > until:
            await self._read(kind)
            names = rank(self._hours[kind], self._current_hour())[:_MAX_RANKED]
            self._ranked[kind] = time.monotonic() + _RANKING_TTL, names
        return names

    async def _read(self, kind: TrendKind) -> None:
        """Bring what is known of the hours up to date. One state call."""
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


def hour_of(moment: float) -> int:
    """The number of an hour, from seconds since 1970."""
    return int(moment // 3600)


def bucket_id(kind: str, hour: int, shard: int) -> str:
    """The id of a bucket."""
    return f"{kind}:{hour}:{shard}"


def can_trend(post: Mapping[str, Any]) -> bool:
    """Whether a post may be shown to everybody unasked."""
    return (
        not post["deleted"]
        and post["visibility"] == "public"
        and not post["in_reply_to_id"]
        and not post.get("reblog_of_id")
        and not post["sensitive"]
        and not post["spoiler_text"]
    )


def _with_uses(uses: Mapping[str, Fingerprints], bucket: TrendBucket | None) -> TrendBucket:
    return (bucket or TrendBucket()).with_uses(uses)
