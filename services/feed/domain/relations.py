"""The relations of readers to authors, and of authors to their followers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from services.shared.block_list import BlockList

FOLLOWER_SHARDS = 8

LARGE_AUTHOR = 2_000
"""How many followers an author has at most whose posts are written into their homes."""

MAX_HOME_TAGS = 20
"""How many of the followed hashtags, the newest, have their timelines merged into the home."""

_MAX_DROPPED = 500


@dataclass(frozen=True, slots=True)
class ReaderRelations(BlockList):
    """The document `stance:USER`: whom a reader follows and hides, and who blocks them.

    Each is `{account: version of the edge}`. Ended relations are kept (in `dropped`, and with a
    negative version in `blocked_by`) to detect late events. `quiet` are accounts that the reader
    follows without their boosts. `pins` are the reader's pinned posts.
    """

    follows: dict[str, int] = field(default_factory=dict)
    hidden: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    quiet: list[str] = field(default_factory=list)
    pins: list[str] = field(default_factory=list)
    pins_version: int = 0
    tags: tuple[str, ...] = ()
    tags_version: int = 0

    def apply_tags(self, tags: Iterable[str], version: int) -> ReaderRelations:
        """Return the relations with the followed hashtags, the newest last."""
        if version <= self.tags_version:
            return self
        return replace(self, tags=tuple(tags), tags_version=version)

    @property
    def home_tags(self) -> tuple[str, ...]:
        """The hashtags whose posts are in the reader's home."""
        return self.tags[-MAX_HOME_TAGS:]

    def edge_version(self, account: str) -> int:
        """Return the known version of the edge to an account, or 0."""
        known = (self.follows, self.hidden, self.dropped)
        return max(edges.get(account, 0) for edges in known)

    def apply_edge(
        self, account: str, *, follows: bool, hides: bool, version: int, reblogs: bool = True
    ) -> ReaderRelations:
        """Return the relations with the reader's own edge to an account."""
        if version <= self.edge_version(account):
            return self
        dropped = _without(self.dropped, account)
        if not (follows or hides):
            dropped = {**self.dropped, account: version}
        quiet = [id for id in self.quiet if id != account]
        return replace(
            self,
            follows=_with(self.follows, account, version if follows else 0),
            hidden=_with(self.hidden, account, version if hides else 0),
            dropped=dict(list(dropped.items())[-_MAX_DROPPED:]),
            quiet=[*quiet, account] if follows and not reblogs else quiet,
        )

    def apply_pins(self, posts: list[str], version: int) -> ReaderRelations:
        """Return the relations with the reader's pinned posts."""
        if version <= self.pins_version:
            return self
        return replace(self, pins=posts, pins_version=version)

    def can_see(self, author: str) -> bool:
        """Return whether the reader neither hides an author nor is blocked by them."""
        return author not in self.hidden and self.blocked_by.get(author, 0) <= 0


@dataclass(frozen=True, slots=True)
class HomeHashtags:
    """The document `hometags:USER`: a small copy of the hashtags that are merged into a home."""

    tags: tuple[str, ...] = ()
    version: int = 0

    def apply(self, tags: Sequence[str], version: int) -> HomeHashtags:
        """Return the document with the followed hashtags, the newest last."""
        if version <= self.version:
            return self
        return HomeHashtags(tuple(tags[-MAX_HOME_TAGS:]), version)


@dataclass(frozen=True, slots=True)
class FollowerShard:
    """The document `followers:USER:SHARD`: `{follower: version}`, negative after an unfollow."""

    versions: dict[str, int] = field(default_factory=dict)

    def apply(self, account: str, *, follows: bool, version: int) -> FollowerShard:
        """Return the shard with a follower's edge."""
        known = self.versions.get(account, 0)
        if version <= abs(known) or (version == 1 and not follows):
            return self
        return FollowerShard({**self.versions, account: version if follows else -version})


@dataclass(frozen=True, slots=True)
class LargeAuthors:
    """The document `large:all`: authors whose posts are merged on reading, not fanned out."""

    ids: list[str] = field(default_factory=list)

    def without(self, id: str) -> LargeAuthors:
        """Return the list without an author."""
        return LargeAuthors([kept for kept in self.ids if kept != id])


def follower_shard(account: str) -> int:
    """Return in which shard of any follower list an account is written.

    By the millisecond in which its id was made.
    """
    return (int(account) >> 16) % FOLLOWER_SHARDS if account.isdigit() else 0


def follower_shards(account: str) -> list[int]:
    """Return in which shards of any follower list an account may be.

    0.1.0 wrote all accounts that a process of auth made into one shard. They stay there, and their
    later edges are written into the other one.
    """
    former = (int(account) >> 6) % FOLLOWER_SHARDS if account.isdigit() else 0
    return sorted({former, follower_shard(account)})


def followers_of(shards: Iterable[FollowerShard]) -> list[str]:
    """Return the current followers in some shards. Of one who is in two, the newer edge counts."""
    newest: dict[str, int] = {}
    for shard in shards:
        for account, version in shard.versions.items():
            newest[account] = max(newest.get(account, 0), version, key=abs)
    return [account for account, version in newest.items() if version > 0]


def _without(edges: Mapping[str, int], account: str) -> dict[str, int]:
    return {id: version for id, version in edges.items() if id != account}


def _with(edges: Mapping[str, int], account: str, version: int) -> dict[str, int]:
    """Return edges with one set to a version, or removed if the version is 0."""
    return {**edges, account: version} if version else _without(edges, account)
