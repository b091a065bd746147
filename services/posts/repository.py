"""The documents and lists of posts.

post:POST                   a post; its event is `post.changed`
mark:USER:POST              an interaction: what a user did with a post; event `mark.changed`
pins:USER                   the pinned posts of a user; event `pins.changed`
history:POST                the earlier versions of a post
idempotency:USER:KEY        which post a request creates, for an hour
favouriters:POST            [favourite id, user]; its total is the event `favourites.counted`
rebloggers:POST             [boost post id, user, visibility]; likewise `reblogs.counted`
favourites:USER             [favourite id, post]
bookmarks:USER              [bookmark id, post]
authored:USER               [post], all but direct posts; its total is `posts.counted`
directs:USER                [post], the direct posts: with `authored`, all posts of a user
tally:POST                  the number of replies, as counted by comments
gone:USER                   a deleted account
standing:USER               whether an account is suspended, as last known
suspended:all               all suspended accounts

The lists are segmented lists, derived from `post` and `mark` (`application/list_projection.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.chassis.dapr.state import ABSENT, StateEntry
from services.chassis.service import Service
from services.chassis.storage.documents import Document
from services.chassis.storage.list_codec import decode_head, decode_total
from services.chassis.storage.list_head import ListHead
from services.contracts import events
from services.posts.domain import interactions as interaction_rules
from services.posts.domain import posts as post_rules
from services.posts.domain.history import PostHistory
from services.posts.domain.interactions import Interaction
from services.posts.domain.pins import PinnedPosts
from services.posts.domain.posts import PostRecord, PostRevision
from services.posts.domain.suspensions import SuspensionList, SuspensionState

IDEMPOTENCY_KEY_TTL = 3600
"""Seconds for which an idempotency key is remembered, as in Mastodon."""


@dataclass(frozen=True, slots=True)
class PostIntent:
    """Which post a request with an idempotency key creates."""

    post_id: str


@dataclass(frozen=True, slots=True)
class ReplyCountRecord:
    """The number of replies of a post, and the version of that count."""

    replies: int = 0
    version: int = 0

    def apply(self, replies: int, version: int) -> ReplyCountRecord:
        """Return the count with the higher version."""
        return ReplyCountRecord(replies, version) if version > self.version else self


@dataclass(frozen=True, slots=True)
class DeletedAccount:
    """A deleted account, of which nothing may remain."""

    id: str


@dataclass(frozen=True, slots=True)
class PostDetails:
    """A post with everything a view shows. The heads of lists are still encoded."""

    doc: Document[PostRecord] | None
    favouriters: StateEntry
    rebloggers: StateEntry
    replies: int
    interaction: Interaction | None
    pinned: bool

    @property
    def post(self) -> PostRecord | None:
        """The post itself, if it exists."""
        return self.doc.value if self.doc else None


class Repository:
    """Stores posts, interactions and the lists derived from them."""

    def __init__(self, service: Service) -> None:
        self.state = service.sidecar
        self.posts = service.collection(
            "post",
            PostRecord,
            publishes=events.POST_CHANGED,
            to_event=lambda _, data: post_rules.to_public(data),
            upgrades={1: _without_path},
        )
        self.interactions = service.collection(
            "mark",
            Interaction,
            publishes=events.MARK_CHANGED,
            to_event=lambda _, data: interaction_rules.to_public(data),
        )
        self.pins = service.collection("pins", PinnedPosts, publishes=events.PINS_CHANGED)
        self.histories = service.collection("history", PostHistory)
        self.intents = service.collection("idempotency", PostIntent, ttl=IDEMPOTENCY_KEY_TTL)
        self.reply_counts = service.collection("tally", ReplyCountRecord)
        self.deleted_accounts = service.collection("gone", DeletedAccount)
        self.suspension_states = service.collection("standing", SuspensionState)
        self.suspension_lists = service.collection("suspended", SuspensionList)
        self.favouriters = service.lists(
            "favouriters", publishes=events.FAVOURITES_COUNTED, to_event=_post_count_event
        )
        self.rebloggers = service.lists(
            "rebloggers", publishes=events.REBLOGS_COUNTED, to_event=_post_count_event
        )
        self.authored = service.lists(
            "authored", publishes=events.POSTS_COUNTED, to_event=_author_count_event
        )
        self.directs = service.lists("directs")
        self.favourites = service.lists("favourites")
        self.bookmarks = service.lists("bookmarks")

    async def post_details(self, ids: list[str], viewer: str) -> dict[str, PostDetails]:
        """Return posts with everything a view shows. One state call, however many posts."""
        post, interaction = self.posts.key, self.interactions.key
        favourites, boosts = self.favouriters.heads.key, self.rebloggers.heads.key
        replies = self.reply_counts.key
        keys = [key(id) for id in ids for key in (post, favourites, boosts, replies)]
        if viewer:
            keys += [self.pins.key(viewer), *(interaction(f"{viewer}:{id}") for id in ids)]
        rows = await self.state.get_many(keys)
        pins = self.pins.decode(rows.get(self.pins.key(viewer), ABSENT))
        pinned = pins.value.posts if pins else ()

        def details(id: str) -> PostDetails:
            own = self.interactions.decode(rows.get(interaction(f"{viewer}:{id}"), ABSENT))
            counted = self.reply_counts.decode(rows.get(replies(id), ABSENT))
            return PostDetails(
                doc=self.posts.decode(rows.get(post(id), ABSENT)),
                favouriters=rows.get(favourites(id), ABSENT),
                rebloggers=rows.get(boosts(id), ABSENT),
                replies=counted.value.replies if counted else 0,
                interaction=own.value if own else None,
                pinned=id in pinned,
            )

        return {id: details(id) for id in ids}

    async def posts_alone(self, ids: list[str]) -> dict[str, PostDetails]:
        """Return posts with nothing else that a view shows. One state call."""
        docs = await self.posts.load_many(ids)
        return {id: PostDetails(docs.get(id), ABSENT, ABSENT, 0, None, pinned=False) for id in ids}

    async def interactions_on(
        self, post: str, author: str, users: list[str]
    ) -> tuple[dict[str, Interaction], bool]:
        """Return the interactions of some users with a post, and whether its author pinned it.

        The latter is read only if the author is among the users. One state call.
        """
        pins = self.pins.key(author)
        keys = {self.interactions.key(f"{user}:{post}"): user for user in users}
        rows = await self.state.get_many([*keys, *([pins] if author in users else [])])
        docs = {user: self.interactions.decode(rows.get(key, ABSENT)) for key, user in keys.items()}
        pinned = self.pins.decode(rows.get(pins, ABSENT))
        found = {user: doc.value for user, doc in docs.items() if doc}
        return found, pinned is not None and post in pinned.value.posts

    async def interaction_state(self, id: str) -> tuple[Interaction, bool] | None:
        """Return an interaction, and whether its user is deleted. One state call."""
        key, user = self.interactions.key(id), self.deleted_accounts.key(id.partition(":")[0])
        rows = await self.state.get_many([key, user])
        doc = self.interactions.decode(rows.get(key, ABSENT))
        return (doc.value, user in rows) if doc else None

    async def current_state(self, post: PostRecord) -> tuple[bool, PostRecord | None]:
        """Return whether a post's author is deleted, and the current post. One state call."""
        author, current = self.deleted_accounts.key(post.author), self.posts.key(post.id)
        rows = await self.state.get_many([author, current])
        doc = self.posts.decode(rows.get(current, ABSENT))
        return author in rows, doc.value if doc else None

    async def versions(self, post: PostRecord) -> list[PostRevision]:
        """Return all versions of a post, oldest first. One state call."""
        history = await self.histories.get(post.id) or PostHistory()
        return [*history.before(post.revision), post_rules.to_revision(post)]


def decode_list_head(head: StateEntry) -> ListHead | None:
    """Return the head of a list from an entry that was read."""
    return decode_head(head.value["data"]) if head.value else None


def _without_path(data: dict[str, Any]) -> dict[str, Any]:
    """Drop the path of schema 1, which has no authors."""
    return data | {"path": []}


def _post_count_event(id: str, head: Any) -> dict[str, Any]:
    return {"post": id, "total": decode_total(head)}


def _author_count_event(id: str, head: Any) -> dict[str, Any]:
    return {"account": id, "total": decode_total(head), "last_post": decode_head(head).high}
