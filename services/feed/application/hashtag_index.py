"""The index of hashtags by their first letters.

A bucket that is full refers to the buckets with one more letter, so all buckets are small. A
hashtag stays in the index; one that is not used any more is left out on reading.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from cachetools import LRUCache

from services.feed.repository import HashtagBucket, Repository

_MAX_KEY_CHARACTERS = 6
_MAX_CACHED = 20_000


class HashtagIndex:
    """Adds and finds hashtags."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._indexed: LRUCache[str, bool] = LRUCache(_MAX_CACHED)

    async def add(self, tags: Iterable[str]) -> None:
        """Add hashtags to the index. No state call for those this replica has seen before."""
        for tag in tags:
            if tag not in self._indexed:
                await self._add(tag)
                self._indexed[tag] = True

    async def _add(self, tag: str) -> None:
        for key in bucket_keys(tag):
            bucket = await self._repository.tag_index.update(key, partial(_with_tag, tag))
            if bucket is not None and tag in bucket.names:
                return

    async def find(self, prefix: str) -> set[str]:
        """Return the hashtags with a prefix. One state call."""
        buckets = await self._repository.tag_index.get_many(bucket_keys(prefix))
        names = {name for bucket in buckets.values() for name in bucket.names}
        return {name for name in names if name.startswith(prefix)}


def bucket_keys(tag: str) -> list[str]:
    """Return the buckets that may contain a hashtag, in the order in which they are tried."""
    return [tag[:length] for length in range(1, min(len(tag), _MAX_KEY_CHARACTERS) + 1)]


def _with_tag(tag: str, bucket: HashtagBucket | None) -> HashtagBucket:
    return (bucket or HashtagBucket()).with_tag(tag)
