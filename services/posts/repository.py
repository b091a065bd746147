"""What posts keeps.

post:POST                   a post; others hear of it on `posts`
mark:USER:POST              what somebody did with a post; others hear of it on `marks`
pins:USER                   the few posts somebody pinned; others hear of it on `pins`
history:POST                what a post was before its edits
idempotency:USER:KEY        which post a request makes, for an hour
favouriters:POST            [favourite id, user], by whom a post is liked; its total goes to others
rebloggers:POST             [boost's post id, user, visibility], by whom it is boosted; likewise
favourites:USER             [favourite id, post]
bookmarks:USER              [bookmark id, post]
authored:USER               [post], all but direct ones; its total goes to others
directs:USER                [post], the direct ones: with `authored` all that somebody made
tally:POST                  how many replies it has, as comments counts them
gone:USER                   somebody who deleted their account

The lists among these are segmented ones, made from `post` and `mark` by hearing of them
(`events.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.chassis.dapr.client import ABSENT, StateEntry
from services.chassis.service import Service
from services.chassis.storage.collection import Document
from services.chassis.storage.segmented_list import (
    ListHead,
    SegmentedLists,
    decode_head,
    decode_total,
)
from services.contracts import events
from services.posts.domain import interactions as mark_rules
from services.posts.domain import posts as post_rules
from services.posts.domain.interactions import Interaction
from services.posts.domain.pins import PinnedPosts
from services.posts.domain.posts import PostRecord, PostRevision

IDEMPOTENCY_KEY_TTL = 3600
"""For how long, in seconds, an idempotency key is remembered: Mastodon's own number."""

MAX_VERSIONS = 100
"""How many earlier versions of a post are kept."""


@dataclass(frozen=True, slots=True)
class PostIntent:
    """Which post a request with an idempotency key makes."""

    post_id: str


@dataclass(frozen=True, slots=True)
class PostHistory:
    """The earlier versions of a post with their revisions, oldest first."""

    versions: tuple[tuple[int, PostRevision], ...] = ()

    def with_revision(self, revision: int, version: PostRevision) -> PostHistory:
        """With a version; each revision is written once, and the oldest go."""
        known = dict(self.versions)
        if revision in known:
            return self
        return PostHistory(tuple(sorted({**known, revision: version}.items())[-MAX_VERSIONS:]))

    def before(self, revision: int) -> list[PostRevision]:
        """What the post was before a revision, oldest first."""
        return [version for kept, version in self.versions if kept < revision]


@dataclass(frozen=True, slots=True)
class ReplyCountRecord:
    """How many replies a post has, as last heard of, and the version of that count."""

    replies: int = 0
    version: int = 0

    def apply(self, replies: int, version: int) -> ReplyCountRecord:
        return ReplyCountRecord(replies, version) if version > self.version else self


@dataclass(frozen=True, slots=True)
class DeletedAccount:
    """Somebody deleted their account, so nothing of theirs may be there."""

    id: str


@dataclass(frozen=True, slots=True)
class PostDetails:
    """A post with all that is shown beside it; the heads of lists as they lie in the repository."""

    doc: Document[PostRecord] | None
    favouriters: StateEntry
    rebloggers: StateEntry
    replies: int
    interaction: Interaction | None
    pinned: bool

    @property
    def post(self) -> PostRecord | None:
        return self.doc.value if self.doc else None


class Repository:
    """The documents and lists of posts."""

    def __init__(self, service: Service) -> None:
        self.state = service.sidecar
        self.posts = service.collection(
            "post",
            PostRecord,
            outbox=service.outbox(events.POST_CHANGED.topic).publishes(
                "post", events.POST_CHANGED.name, lambda _, data: post_rules.to_public(data)
            ),
            upgrades={1: _without_path},
        )
        self.interactions = service.collection(
            "mark",
            Interaction,
            outbox=service.outbox(events.MARK_CHANGED.topic).publishes(
                "mark", events.MARK_CHANGED.name, lambda _, data: mark_rules.to_public(data)
            ),
        )
        self.pins = service.collection(
            "pins",
            PinnedPosts,
            outbox=service.outbox(events.PINS_CHANGED.topic).publishes(
                "pins", events.PINS_CHANGED.name
            ),
        )
        self.histories = service.collection("history", PostHistory)
        self.intents = service.collection("idempotency", PostIntent, ttl=IDEMPOTENCY_KEY_TTL)
        self.favouriters = SegmentedLists(
            self.state,
            "favouriters",
            outbox=service.outbox(events.FAVOURITES_COUNTED.topic).publishes(
                "favouriters", events.FAVOURITES_COUNTED.name, _post_count_event
            ),
        )
        self.rebloggers = SegmentedLists(
            self.state,
            "rebloggers",
            outbox=service.outbox(events.REBLOGS_COUNTED.topic).publishes(
                "rebloggers", events.REBLOGS_COUNTED.name, _post_count_event
            ),
        )
        self.authored = SegmentedLists(
            self.state,
            "authored",
            outbox=service.outbox(events.POSTS_COUNTED.topic).publishes(
                "authored", events.POSTS_COUNTED.name, _author_count_event
            ),
        )
        self.favourites = SegmentedLists(self.state, "favourites")
        self.bookmarks = SegmentedLists(self.state, "bookmarks")
        self.reply_counts = service.collection("tally", ReplyCountRecord)
        self.directs = SegmentedLists(self.state, "directs")
        self.deleted_accounts = service.collection("gone", DeletedAccount)

    async def post_details(self, ids: list[str], viewer: str) -> dict[str, PostDetails]:
        """Posts with all that is shown beside them. One state call, however many."""
        post, mark = self.posts.key, self.interactions.key
        likes, boosts = self.favouriters.heads.key, self.rebloggers.heads.key
        tally = self.reply_counts.key
        keys = [key(id) for id in ids for key in (post, likes, boosts, tally)]
        if viewer:
            keys += [self.pins.key(viewer), *(mark(f"{viewer}:{id}") for id in ids)]
        rows = await self.state.get_many(keys)
        pins = self.pins.decode(rows.get(self.pins.key(viewer), ABSENT))
        pinned = pins.value.posts if pins else ()

        def record(id: str) -> PostDetails:
            marked = self.interactions.decode(rows.get(mark(f"{viewer}:{id}"), ABSENT))
            counted = self.reply_counts.decode(rows.get(tally(id), ABSENT))
            return PostDetails(
                doc=self.posts.decode(rows.get(post(id), ABSENT)),
                favouriters=rows.get(likes(id), ABSENT),
                rebloggers=rows.get(boosts(id), ABSENT),
                replies=counted.value.replies if counted else 0,
                interaction=marked.value if marked else None,
                pinned=id in pinned,
            )

        return {id: record(id) for id in ids}

    async def interactions_on(
        self, post: str, author: str, users: list[str]
    ) -> tuple[dict[str, Interaction], bool]:
        """The marks that some people made on a post, and whether it is pinned by its author.

        That only where the author is among them. One state call, of a key for each of them.
        """
        pins = self.pins.key(author)
        keys = {self.interactions.key(f"{user}:{post}"): user for user in users}
        rows = await self.state.get_many([*keys, *([pins] if author in users else [])])
        marked = {
            user: self.interactions.decode(rows.get(key, ABSENT)) for key, user in keys.items()
        }
        pinned = self.pins.decode(rows.get(pins, ABSENT))
        found = {user: doc.value for user, doc in marked.items() if doc}
        return found, pinned is not None and post in pinned.value.posts

    async def current_state(self, post: PostRecord) -> tuple[bool, PostRecord | None]:
        """Whether a post's author is gone, and the post as it is now. One state call."""
        gone, there = self.deleted_accounts.key(post.author), self.posts.key(post.id)
        rows = await self.state.get_many([gone, there])
        doc = self.posts.decode(rows.get(there, ABSENT))
        return gone in rows, doc.value if doc else None

    async def versions(self, post: PostRecord) -> list[PostRevision]:
        """What a post was and is, oldest first. One state call."""
        history = await self.histories.get(post.id) or PostHistory()
        return [*history.before(post.revision), post_rules.to_revision(post)]


def decode_list_head(head: StateEntry) -> ListHead | None:
    """The head of a list among rows that were read."""
    return decode_head(head.value["data"]) if head.value else None


def _without_path(data: dict[str, Any]) -> dict[str, Any]:
    """The first schema's path named no authors, so that no thread could be made of it."""
    return data | {"path": []}


def _post_count_event(id: str, head: Any) -> dict[str, Any]:
    return {"post": id, "total": decode_total(head)}


def _author_count_event(id: str, head: Any) -> dict[str, Any]:
    return {"account": id, "total": decode_total(head), "last_post": decode_head(head).high}
