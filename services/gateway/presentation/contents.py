"""What posts and profiles say, for pages of which the feed only sends numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from cachetools import LRUCache

from services.clients.json_types.accounts import ProfileJson
from services.clients.json_types.posts import PostJson

_OVERHEAD = 500  # bytes of an entry beside its JSON: key, table entry, tuple


class ContentMissing(KeyError):
    """A version of a post or profile that is not known here."""


class Contents:
    """The newest known versions of posts and profiles, at most `max_bytes` of them.

    Those that were asked for longest ago go first.
    """

    def __init__(self, max_bytes: int) -> None:
        self._known: LRUCache[str, tuple[int, bytes]] = LRUCache(max_bytes, getsizeof=_size)
        self.hits = self.misses = 0

    def add_post(self, post: Mapping[str, Any], version: int) -> None:
        """Keep a post, unless a later version is known."""
        self._add(f"post:{post['id']}", post, version)

    def add_profile(self, profile: Mapping[str, Any], version: int) -> None:
        """Keep a profile, unless a later version is known."""
        self._add(f"profile:{profile['id']}", profile, version)

    def post(self, id: str, version: int) -> PostJson:
        """A version of a post. Raises `ContentMissing`."""
        post: PostJson = self._get(f"post:{id}", version)
        return post

    def profile(self, id: str, version: int) -> ProfileJson:
        """A version of a profile. Raises `ContentMissing`."""
        profile: ProfileJson = self._get(f"profile:{id}", version)
        return profile

    def _add(self, key: str, content: Mapping[str, Any], version: int) -> None:
        known = self._known.get(key)
        if known is None or known[0] < version:
            entry = version, orjson.dumps(content)
            if _size(entry) <= self._known.maxsize:
                self._known[key] = entry

    def _get(self, key: str, version: int) -> Any:
        known = self._known.get(key)
        if known is None or known[0] != version:
            self.misses += 1
            raise ContentMissing(key)
        self.hits += 1
        return orjson.loads(known[1])


def _size(entry: tuple[int, bytes]) -> int:
    return len(entry[1]) + _OVERHEAD
