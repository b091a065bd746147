"""What a timeline shows, to whom: plain rules on plain values.

A row of a timeline is `[post id, author id, flags]`; of a boost also the id and author of what it
shows, so that these are read together with it. Fan-out only puts rows near their readers;
what a reader sees is decided when they read, by their own `OwnerRelations` and by the post's `Card`. So a
row that comes late, twice, or after an unfollow, a block or a deletion can do no harm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from services.shared.block_list import BlockList

Row = list[Any]

HOME, PUBLIC, TAG = 800, 800, 4_000
"""How many of the newest rows a home, the public and a hashtag timeline keep."""

SHARDS = 8
_TOMBSTONES = 500

MEDIA, REPLY, LISTED, PRIVATE, DIRECT, REBLOG = 1, 2, 4, 8, 16, 32
FAVOURITED, BOOKMARKED, REBLOGGED, PINNED = 1, 2, 4, 8

BY_TAG = 1024
"""The flag of a row that comes into a home from the timeline of a hashtag; it is never kept."""

MERGED_TAGS = 20
"""Of how many of the hashtags somebody follows, the newest, the timelines are in their home."""

MARKS = 300
"""How many marks a reader's document of recent ones holds before the oldest `_OLDER` leave it."""

_OLDER = 100


@dataclass(frozen=True, slots=True)
class Counter:
    """A number that somebody else counts, and the version of their count."""

    total: int = 0
    version: int = 0

    def heard(self, total: int, version: int) -> Counter:
        return Counter(total, version) if version > self.version else self


@dataclass(frozen=True, slots=True)
class Card:
    """A post as it was last heard of; `post` is empty while only its counts are known."""

    post: dict[str, Any] = field(default_factory=dict)
    version: int = 0
    favourites: Counter = Counter()
    reblogs: Counter = Counter()
    replies: Counter = Counter()

    @property
    def is_there(self) -> bool:
        return bool(self.post) and not self.post["deleted"]

    def heard(self, post: dict[str, Any], version: int) -> Card:
        return replace(self, post=post, version=version) if version > self.version else self

    def counted(self, name: str, total: int, version: int) -> Card:
        """With one of its counters, by the field's name, as it was heard."""
        counted: dict[str, Any] = {name: getattr(self, name).heard(total, version)}
        return replace(self, **counted)


def is_shown(profile: Mapping[str, Any]) -> bool:
    """Whether somebody may be shown, by their profile: empty while only their counts are known."""
    return bool(profile) and not (profile.get("deleted") or profile.get("suspended"))


@dataclass(frozen=True, slots=True)
class Person:
    """A person as they were last heard of; `profile` is empty while only counts are known."""

    profile: dict[str, Any] = field(default_factory=dict)
    version: int = 0
    followers: Counter = Counter()
    following: Counter = Counter()
    statuses: Counter = Counter()
    last_post: str = ""

    @property
    def is_there(self) -> bool:
        """Whether they may be shown."""
        return is_shown(self.profile)

    def heard(self, profile: dict[str, Any], version: int) -> Person:
        return replace(self, profile=profile, version=version) if version > self.version else self


@dataclass(frozen=True, slots=True)
class Marked:
    """What one person did with one post."""

    flags: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True)
class RecentMarks:
    """What one person did with the newest posts: `{post: (flags, version)}`.

    What they did with posts up to `floor` is kept elsewhere, post by post.
    """

    posts: dict[str, tuple[int, int]] = field(default_factory=dict)
    floor: str = ""

    def heard(self, post: str, flags: int, version: int) -> RecentMarks:
        if post <= self.floor or version <= self.posts.get(post, (0, 0))[1]:
            return self
        return replace(self, posts={**self.posts, post: (flags, version)})

    def oldest(self) -> dict[str, tuple[int, int]]:
        """Those that are to leave; none while there is room."""
        if len(self.posts) <= MARKS:
            return {}
        return {post: self.posts[post] for post in sorted(self.posts)[:_OLDER]}

    def without(self, older: Mapping[str, tuple[int, int]]) -> RecentMarks:
        """Less those that left, unless one of them was changed meanwhile."""
        if any(self.posts.get(post) != mark for post, mark in older.items()):
            return self
        kept = {post: mark for post, mark in self.posts.items() if post not in older}
        floor = max(older)
        return self if min(kept, default="~") < floor else RecentMarks(kept, floor)


@dataclass(frozen=True, slots=True)
class Stance(BlockList):
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

    def heard_tags(self, tags: Iterable[str], version: int) -> Stance:
        """With the hashtags that the reader follows, the newest last."""
        if version <= self.tags_version:
            return self
        return replace(self, tags=tuple(tags), tags_version=version)

    @property
    def tags_at_home(self) -> tuple[str, ...]:
        """The hashtags whose posts are in the reader's home."""
        return self.tags[-MERGED_TAGS:]

    def version_of(self, person: str) -> int:
        """The version of the edge to somebody that is known here; 0 for none."""
        known = (self.follows, self.hidden, self.dropped)
        return max(edges.get(person, 0) for edges in known)

    def heard(
        self, person: str, *, follows: bool, hides: bool, version: int, reblogs: bool = True
    ) -> Stance:
        """With the reader's own edge to somebody."""
        if version <= self.version_of(person):
            return self
        dropped = self.dropped if follows or hides else {**self.dropped, person: version}
        if follows or hides:
            dropped = without(dropped, person)
        return replace(
            self,
            follows={**self.follows, person: version} if follows else without(self.follows, person),
            hidden={**self.hidden, person: version} if hides else without(self.hidden, person),
            dropped=dict(list(dropped.items())[-_TOMBSTONES:]),
            quiet=[id for id in self.quiet if id != person]
            + ([person] if follows and not reblogs else []),
        )

    def pinned(self, posts: list[str], version: int) -> Stance:
        """With what the reader pinned."""
        if version <= self.pins_version:
            return self
        return replace(self, pins=posts, pins_version=version)

    def sees(self, author: str) -> bool:
        """Whether the reader wants to see somebody, and may."""
        return author not in self.hidden and self.blocked_by.get(author, 0) <= 0


@dataclass(frozen=True, slots=True)
class HomeTags:
    """The hashtags whose posts somebody has at home: small, where their stance may be large."""

    tags: tuple[str, ...] = ()
    version: int = 0

    def heard(self, tags: Sequence[str], version: int) -> HomeTags:
        """With the hashtags that somebody follows, the newest last."""
        return HomeTags(tuple(tags[-MERGED_TAGS:]), version) if version > self.version else self


@dataclass(frozen=True, slots=True)
class Shard:
    """Some of somebody's followers: `{follower: version}`, negative once they have left."""

    versions: dict[str, int] = field(default_factory=dict)

    @property
    def followers(self) -> list[str]:
        return [person for person, version in self.versions.items() if version > 0]

    def heard(self, person: str, *, follows: bool, version: int) -> Shard:
        known = self.versions.get(person, 0)
        if version <= abs(known) or (version == 1 and not follows):
            return self
        return Shard({**self.versions, person: version if follows else -version})


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
    stance: Stance = field(default_factory=Stance)
    marks: RecentMarks = field(default_factory=RecentMarks)
    visits: str = ""

    def may_see(self, post: Mapping[str, Any]) -> bool:
        """Whether a post is visible to them."""
        author = post["author"]
        if self.id and author == self.id:
            return True
        if author != self.visits and not self.stance.sees(author):
            return False
        if post["visibility"] in ("public", "unlisted"):
            return True
        if self.id and any(mention["id"] == self.id for mention in post["mentions"]):
            return True
        return post["visibility"] == "private" and author in self.stance.follows

    def wants_at_home(self, row: Row) -> bool:
        """Whether a row belongs into their home: their own, or of whom or what they follow."""
        if row[1] == self.id:
            return True
        if not self.stance.sees(row[1]):
            return False
        if row[2] & BY_TAG:
            return True
        if row[1] not in self.stance.follows:
            return False
        return not row[2] & REBLOG or row[1] not in self.stance.quiet

    def flags_of(self, post: Mapping[str, Any], marks: int) -> int:
        """What they did with a post: what their marks say, and whether they pinned it."""
        is_pinned = post["author"] == self.id and post["id"] in self.stance.pins
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


def once(rows: Sequence[Row]) -> list[Row]:
    """Rows, newest first, without boosts of what is there further down."""
    shown: set[str] = set()
    kept: list[Row] = []
    for row in reversed(rows):
        post = row[3] if row[2] & REBLOG else row[0]
        if not row[2] & REBLOG or post not in shown:
            kept.append(row)
        shown.add(post)
    return kept[::-1]


def lists_of(post: Mapping[str, Any]) -> dict[str, set[str]]:
    """Which timelines besides homes a post belongs into: by kind, the ids."""
    shared = post["visibility"] == "public" and not post.get("reblog_of_id")
    return {
        "author": {post["author"]},
        "public": {"all"} if shared and not post["in_reply_to_id"] else set(),
        "tag": set(post["tags"]) if shared else set(),
    }


def audience(post: Mapping[str, Any], followers: Iterable[str]) -> list[str]:
    """Whose homes a post is put into: the author's and their followers'.

    A direct post goes to the author and those who are mentioned.
    """
    if post["visibility"] == "direct":
        followers = [mention["id"] for mention in post["mentions"]]
    return list(dict.fromkeys([post["author"], *followers]))


def shard_of(person: str) -> int:
    """In which shard of anybody's followers a person is. The low bits of ids are random enough."""
    return (int(person) >> 6) % SHARDS if person.isdigit() else 0


def without(edges: Mapping[str, int], person: str) -> dict[str, int]:
    """A copy without one person."""
    return {id: version for id, version in edges.items() if id != person}
