"""What a timeline shows, to whom: plain rules on plain values.

A row of a timeline is `[post id, author id, flags]`; of a boost also the id and author of what it
shows, so that these are read together with it. Fan-out only puts rows near their readers;
what a reader sees is decided when they read, by their own `ReaderRelations` and by the post's
`PostProjection`. So a row that comes late, twice, or after an unfollow, a block or a deletion can
do no harm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from services.shared.block_list import BlockList

Row = list[Any]

MAX_HOME_ROWS, MAX_PUBLIC_ROWS, MAX_TAG_ROWS = 800, 800, 4_000
"""How many of the newest rows a home, the public and a hashtag timeline keep."""

FOLLOWER_SHARDS = 8
_MAX_DROPPED = 500

MEDIA, REPLY, LISTED, PRIVATE, DIRECT, REBLOG = 1, 2, 4, 8, 16, 32
FAVOURITED, BOOKMARKED, REBLOGGED, PINNED = 1, 2, 4, 8

FROM_TAG = 1024
"""The flag of a row that comes into a home from the timeline of a hashtag; it is never kept."""

MAX_HOME_TAGS = 20
"""Of how many of the hashtags somebody follows, the newest, the timelines are in their home."""

MAX_RECENT_INTERACTIONS = 300
"""How many marks a reader's document of recent ones holds before the oldest `_OLDER` leave it."""

_EVICTION_BATCH_SIZE = 100


@dataclass(frozen=True, slots=True)
class VersionedCount:
    """A number that somebody else counts, and the version of their count."""

    total: int = 0
    version: int = 0

    def apply(self, total: int, version: int) -> VersionedCount:
        return VersionedCount(total, version) if version > self.version else self


@dataclass(frozen=True, slots=True)
class PostProjection:
    """A post as it was last heard of; `post` is empty while only its counts are known."""

    post: dict[str, Any] = field(default_factory=dict)
    version: int = 0
    favourites: VersionedCount = VersionedCount()
    reblogs: VersionedCount = VersionedCount()
    replies: VersionedCount = VersionedCount()

    @property
    def exists(self) -> bool:
        return bool(self.post) and not self.post["deleted"]

    def apply(self, post: dict[str, Any], version: int) -> PostProjection:
        return replace(self, post=post, version=version) if version > self.version else self

    def apply_count(self, name: str, total: int, version: int) -> PostProjection:
        """With one of its counters, by the field's name, as it was heard."""
        counted: dict[str, Any] = {name: getattr(self, name).apply(total, version)}
        return replace(self, **counted)


def is_visible_account(profile: Mapping[str, Any]) -> bool:
    """Whether somebody may be shown, by their profile: empty while only their counts are known."""
    return bool(profile) and not (profile.get("deleted") or profile.get("suspended"))


@dataclass(frozen=True, slots=True)
class AccountProjection:
    """A person as they were last heard of; `profile` is empty while only counts are known."""

    profile: dict[str, Any] = field(default_factory=dict)
    version: int = 0
    followers: VersionedCount = VersionedCount()
    following: VersionedCount = VersionedCount()
    statuses: VersionedCount = VersionedCount()
    last_post: str = ""

    @property
    def is_visible(self) -> bool:
        """Whether they may be shown."""
        return is_visible_account(self.profile)

    def apply(self, profile: dict[str, Any], version: int) -> AccountProjection:
        return replace(self, profile=profile, version=version) if version > self.version else self


@dataclass(frozen=True, slots=True)
class InteractionFlags:
    """What one person did with one post."""

    flags: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True)
class RecentInteractions:
    """What one person did with the newest posts: `{post: (flags, version)}`.

    What they did with posts up to `floor` is kept elsewhere, post by post.
    """

    posts: dict[str, tuple[int, int]] = field(default_factory=dict)
    floor: str = ""

    def apply(self, post: str, flags: int, version: int) -> RecentInteractions:
        if post <= self.floor or version <= self.posts.get(post, (0, 0))[1]:
            return self
        return replace(self, posts={**self.posts, post: (flags, version)})

    def overflow(self) -> dict[str, tuple[int, int]]:
        """Those that are to leave; none while there is room."""
        if len(self.posts) <= MAX_RECENT_INTERACTIONS:
            return {}
        return {post: self.posts[post] for post in sorted(self.posts)[:_EVICTION_BATCH_SIZE]}

    def without_evicted(self, older: Mapping[str, tuple[int, int]]) -> RecentInteractions:
        """Less those that left, unless one of them was changed meanwhile."""
        if any(self.posts.get(post) != mark for post, mark in older.items()):
            return self
        kept = {post: mark for post, mark in self.posts.items() if post not in older}
        floor = max(older)
        return self if min(kept, default="~") < floor else RecentInteractions(kept, floor)


@dataclass(frozen=True, slots=True)
class ReaderRelations(BlockList):
    """How a reader stands to others: whom they follow, and whom they shall not see.

    Each is `{person: version of the edge}`. What is over is remembered (in `dropped`, and with a
    negative version in `blocked_by`), so that an older event that comes late is known to be old.
    `quiet` are those they follow without their boosts; `pins`, what they pinned to their profile.
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
        """With the hashtags that the reader follows, the newest last."""
        if version <= self.tags_version:
            return self
        return replace(self, tags=tuple(tags), tags_version=version)

    @property
    def home_tags(self) -> tuple[str, ...]:
        """The hashtags whose posts are in the reader's home."""
        return self.tags[-MAX_HOME_TAGS:]

    def edge_version(self, person: str) -> int:
        """The version of the edge to somebody that is known here; 0 for none."""
        known = (self.follows, self.hidden, self.dropped)
        return max(edges.get(person, 0) for edges in known)

    def apply_edge(
        self, person: str, *, follows: bool, hides: bool, version: int, reblogs: bool = True
    ) -> ReaderRelations:
        """With the reader's own edge to somebody."""
        if version <= self.edge_version(person):
            return self
        dropped = self.dropped if follows or hides else {**self.dropped, person: version}
        if follows or hides:
            dropped = without_key(dropped, person)
        return replace(
            self,
            follows={**self.follows, person: version}
            if follows
            else without_key(self.follows, person),
            hidden={**self.hidden, person: version} if hides else without_key(self.hidden, person),
            dropped=dict(list(dropped.items())[-_MAX_DROPPED:]),
            quiet=[id for id in self.quiet if id != person]
            + ([person] if follows and not reblogs else []),
        )

    def apply_pins(self, posts: list[str], version: int) -> ReaderRelations:
        """With what the reader pinned."""
        if version <= self.pins_version:
            return self
        return replace(self, pins=posts, pins_version=version)

    def can_see(self, author: str) -> bool:
        """Whether the reader wants to see somebody, and may."""
        return author not in self.hidden and self.blocked_by.get(author, 0) <= 0


@dataclass(frozen=True, slots=True)
class HomeHashtags:
    """The hashtags whose posts somebody has at home: small, where their stance may be large."""

    tags: tuple[str, ...] = ()
    version: int = 0

    def apply(self, tags: Sequence[str], version: int) -> HomeHashtags:
        """With the hashtags that somebody follows, the newest last."""
        return (
            HomeHashtags(tuple(tags[-MAX_HOME_TAGS:]), version) if version > self.version else self
        )


@dataclass(frozen=True, slots=True)
class FollowerShard:
    """Some of somebody's followers: `{follower: version}`, negative once they have left."""

    versions: dict[str, int] = field(default_factory=dict)

    @property
    def followers(self) -> list[str]:
        return [person for person, version in self.versions.items() if version > 0]

    def apply(self, person: str, *, follows: bool, version: int) -> FollowerShard:
        known = self.versions.get(person, 0)
        if version <= abs(known) or (version == 1 and not follows):
            return self
        return FollowerShard({**self.versions, person: version if follows else -version})


@dataclass(frozen=True, slots=True)
class LargeAuthors:
    """Those whose posts are merged in when their followers read, not fanned out."""

    ids: list[str] = field(default_factory=list)

    def without(self, id: str) -> LargeAuthors:
        return LargeAuthors([kept for kept in self.ids if kept != id])


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: nobody in particular, or somebody with a stance.

    Whose timeline they ask for by name (`visits`) they see, even if they hide them elsewhere.
    """

    id: str = ""
    relations: ReaderRelations = field(default_factory=ReaderRelations)
    interactions: RecentInteractions = field(default_factory=RecentInteractions)
    visited_author: str = ""

    def can_see(self, post: Mapping[str, Any]) -> bool:
        """Whether a post is visible to them."""
        author = post["author"]
        if self.id and author == self.id:
            return True
        if author != self.visited_author and not self.relations.can_see(author):
            return False
        if post["visibility"] in ("public", "unlisted"):
            return True
        if self.id and any(mention["id"] == self.id for mention in post["mentions"]):
            return True
        return post["visibility"] == "private" and author in self.relations.follows

    def belongs_at_home(self, row: Row) -> bool:
        """Whether a row belongs into their home: their own, or of whom or what they follow."""
        if row[1] == self.id:
            return True
        if not self.relations.can_see(row[1]):
            return False
        if row[2] & FROM_TAG:
            return True
        if row[1] not in self.relations.follows:
            return False
        return not row[2] & REBLOG or row[1] not in self.relations.quiet

    def interaction_flags(self, post: Mapping[str, Any], marks: int) -> int:
        """What they did with a post: what their marks say, and whether they pinned it."""
        is_pinned = post["author"] == self.id and post["id"] in self.relations.pins
        return marks | PINNED if is_pinned else marks


def row_of(post: Mapping[str, Any]) -> Row:
    """The row of a post."""
    flags = {"public": LISTED, "unlisted": 0, "private": PRIVATE, "direct": DIRECT}[
        post["visibility"]
    ]
    flags |= MEDIA if post["attachments"] else 0
    flags |= REPLY if post["in_reply_to_id"] else 0
    row = [post["id"], post["author"], flags]
    if not post.get("reblog_of_id"):
        return row
    return [*row[:2], flags | REBLOG, post["reblog_of_id"], post["reblog_of_account_id"]]


def without_repeated_boosts(rows: Sequence[Row]) -> list[Row]:
    """Rows, newest first, without boosts of what is there further down."""
    shown: set[str] = set()
    kept: list[Row] = []
    for row in reversed(rows):
        post = row[3] if row[2] & REBLOG else row[0]
        if not row[2] & REBLOG or post not in shown:
            kept.append(row)
        shown.add(post)
    return kept[::-1]


def timelines_of(post: Mapping[str, Any]) -> dict[str, set[str]]:
    """Which timelines besides homes a post belongs into: by kind, the ids."""
    shared = post["visibility"] == "public" and not post.get("reblog_of_id")
    return {
        "author": {post["author"]},
        "public": {"all"} if shared and not post["in_reply_to_id"] else set(),
        "tag": set(post["tags"]) if shared else set(),
    }


def home_owners(post: Mapping[str, Any], followers: Iterable[str]) -> list[str]:
    """Whose homes a post is put into: the author's and their followers'.

    A direct post goes to the author and those who are mentioned.
    """
    if post["visibility"] == "direct":
        followers = [mention["id"] for mention in post["mentions"]]
    return list(dict.fromkeys([post["author"], *followers]))


def follower_shard(person: str) -> int:
    """In which shard of anybody's followers a person is. The low bits of ids are random enough."""
    return (int(person) >> 6) % FOLLOWER_SHARDS if person.isdigit() else 0


def without_key(edges: Mapping[str, int], person: str) -> dict[str, int]:
    """A copy without one person."""
    return {id: version for id, version in edges.items() if id != person}
