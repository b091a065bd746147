"""What the feed hears. Every handler may run twice, late, or out of order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from services.chassis.consuming.inbox import Event, EventHandler, PoisonMessage
from services.chassis.service import Service
from services.contracts import events
from services.contracts.accounts import Edge, FollowCount, Profile
from services.contracts.comments import ReplyCount
from services.contracts.discovery import FollowedTags
from services.contracts.events import EventType
from services.contracts.posts import AuthoredCount, Mark, Pins, Post, PostCount
from services.feed.conversation import places_of
from services.feed.conversations import Conversations
from services.feed.domain import (
    BOOKMARKED,
    FAVOURITED,
    REBLOGGED,
    Card,
    Person,
    Shard,
    Stance,
    lists_of,
    row_of,
    shard_of,
)
from services.feed.fanout import FanOut
from services.feed.hashtags import Hashtags
from services.feed.store import FANOUT, Chunk, Store
from services.feed.trends import Trends


def subscribe(
    service: Service,
    store: Store,
    fanout: FanOut,
    hashtags: Hashtags,
    trends: Trends,
    conversations: Conversations,
) -> None:
    """Hear all the feed is made from."""
    handlers = Handlers(store, fanout, hashtags, trends, conversations)
    by_type = {
        events.POST_CHANGED: handlers.post_changed,
        events.FAVOURITES_COUNTED: handlers.favourites_counted,
        events.REBLOGS_COUNTED: handlers.reblogs_counted,
        events.PINS_CHANGED: handlers.pins_changed,
        events.REPLIES_COUNTED: handlers.replies_counted,
        events.MARK_CHANGED: handlers.mark_changed,
        events.POSTS_COUNTED: handlers.posts_counted,
        events.ACCOUNT_CHANGED: handlers.account_changed,
        events.FOLLOWERS_COUNTED: handlers.follows_counted,
        events.FOLLOWING_COUNTED: handlers.follows_counted,
        events.EDGE_CHANGED: handlers.edge_changed,
        events.TAGS_FOLLOWED: handlers.tags_followed,
    }
    for topic, producer in {(event.topic, event.producer) for event in by_type}:
        service.on(topic, producer, _by_type(topic, by_type))
    service.on(FANOUT, service.name, handlers.fanout_due)


def _by_type(topic: str, handlers: Mapping[EventType, EventHandler]) -> EventHandler:
    on_topic = {event.name: handle for event, handle in handlers.items() if event.topic == topic}

    async def handle(event: Event) -> None:
        handler = on_topic.get(event.type)
        if handler is not None:  # a type that is not for us, perhaps a newer one
            await handler(event)

    return handle


@cache
def _adapter(model: Any) -> TypeAdapter[Any]:
    return TypeAdapter(model)


def _read(model: Any, event: Event) -> Any:
    try:
        return _adapter(model).validate_python(event.data)
    except ValidationError as error:
        raise PoisonMessage(f"{event.type} {event.subject}: {error.errors()[0]['msg']}") from error


class Handlers:
    """One method for each type of event."""

    def __init__(
        self,
        store: Store,
        fanout: FanOut,
        hashtags: Hashtags,
        trends: Trends,
        conversations: Conversations,
    ) -> None:
        self._store = store
        self._conversations = conversations
        self._fanout = fanout
        self._hashtags = hashtags
        self._trends = trends

    async def post_changed(self, event: Event) -> None:
        """A post is new, edited or deleted.

        A new post comes into its author's timeline before its followers are read, and a follow is
        noted before that timeline is read: so one of the two sees the other. The card comes last,
        since it says that all this is done. Seven state calls, and one for every fifty followers; a
        direct one comes into the conversations of all who are in it, too.
        """
        post = _read(Post, event).model_dump(mode="json")
        there = await self._store.cards.get(post["id"])
        known = there or Card()
        if event.entityversion < known.version:
            return
        if known.is_there or post["deleted"]:
            await self._move(known.post, post)
        else:
            await self._spread(post)
        replaced = known

        def heard(card: Card) -> Card:
            nonlocal replaced
            replaced = card
            return card.heard(post, event.entityversion)

        card = await self._store.change_card(post["id"], heard, fresh=there is None)
        if card.version > event.entityversion:  # overtaken meanwhile
            await self._move(post, card.post)
        elif replaced.version > known.version:  # an older one was put into timelines meanwhile
            await self._move(replaced.post, post)
        if post["visibility"] == "public":
            await self._hashtags.index(post["tags"])
        self._trends.post_made(post)

    async def _spread(self, post: dict[str, Any]) -> None:
        await self._fanout.place(_lists(post), row_of(post))
        await self._fanout.deliver(post)
        if places := places_of(post):
            await self._conversations.add(post, places)

    async def _move(self, before: dict[str, Any], now: dict[str, Any]) -> None:
        """Take a post out of shared timelines it no longer belongs into, and put it into new ones.

        Homes need no such care: a card that is deleted hides its row.
        """
        had = _lists(before)
        wants = _lists(now)
        for kind, id in had - wants:
            await self._store.lists(kind).remove(id, [now["id"]])
        for kind, id in wants - had:
            await self._store.lists(kind).insert(id, [row_of(now)])
        before_in, now_in = places_of(before), places_of(now)
        if left := before_in - now_in:
            await self._conversations.remove(now["id"], left)
        if joined := now_in - before_in:
            await self._conversations.add(now, joined)

    async def favourites_counted(self, event: Event) -> None:
        await self._counted(_read(PostCount, event), "favourites", event.entityversion)

    async def reblogs_counted(self, event: Event) -> None:
        await self._counted(_read(PostCount, event), "reblogs", event.entityversion)

    async def pins_changed(self, event: Event) -> None:
        pins: Pins = _read(Pins, event)
        await self._store.stances.update(
            pins.account,
            lambda stance: (stance or Stance()).pinned(pins.posts, event.entityversion),
        )

    async def replies_counted(self, event: Event) -> None:
        await self._counted(_read(ReplyCount, event), "replies", event.entityversion)

    async def _counted(self, count: PostCount | ReplyCount, name: str, version: int) -> None:
        await self._store.change_card(
            count.post, lambda card: card.counted(name, count.total, version)
        )

    async def mark_changed(self, event: Event) -> None:
        mark: Mark = _read(Mark, event)
        if mark.favourited:
            self._trends.liked(mark.post, mark.user, mark.favourite_id)
        flags = FAVOURITED if mark.favourited else 0
        flags |= BOOKMARKED if mark.bookmarked else 0
        flags |= REBLOGGED if mark.reblogged else 0
        await self._store.mark(mark.user, mark.post, flags, event.entityversion)

    async def posts_counted(self, event: Event) -> None:
        count: AuthoredCount = _read(AuthoredCount, event)

        def heard(person: Person) -> Person:
            statuses = person.statuses.heard(count.total, event.entityversion)
            if statuses == person.statuses:
                return person
            return replace(person, statuses=statuses, last_post=count.last_post)

        await self._store.change_person(count.account, heard)

    async def account_changed(self, event: Event) -> None:
        """A profile changed. Of who is gone, nothing that is only theirs stays."""
        profile = _read(Profile, event).model_dump(mode="json")
        await self._store.change_person(
            profile["id"], lambda person: person.heard(profile, event.entityversion)
        )
        if profile["deleted"]:
            await self._store.forget(profile["id"])

    async def follows_counted(self, event: Event) -> None:
        count: FollowCount = _read(FollowCount, event)
        side = "followers" if event.type == events.FOLLOWERS_COUNTED.name else "following"

        def heard(person: Person) -> Person:
            counter = getattr(person, side).heard(count.total, event.entityversion)
            return replace(person, **{side: counter})

        await self._store.change_person(count.account, heard)

    async def edge_changed(self, event: Event) -> None:
        """Somebody follows, unfollows, blocks or mutes somebody.

        A repeat does all of it again: the first time may have died halfway.
        """
        edge: Edge = _read(Edge, event)
        version = event.entityversion
        before = await self._store.stances.get(edge.source) or Stance()
        if version < before.version_of(edge.target):
            return
        stance = await self._store.stances.update(
            edge.source,
            lambda stance: (stance or Stance()).heard(
                edge.target,
                follows=edge.following,
                hides=edge.blocking or edge.muting,
                reblogs=edge.show_reblogs,
                version=version,
            ),
        )
        await self._store.hear_block(edge.target, edge.source, version, blocks=edge.blocking)
        await self._store.shards.update(
            f"{edge.target}:{shard_of(edge.source)}",
            lambda shard: (shard or Shard()).heard(
                edge.source, follows=edge.following, version=version
            ),
        )
        gone = await self._store.gone([edge.source, edge.target])
        for person in gone:
            await self._store.forget_edges(person, edge.source)
        if edge.source in gone:
            return
        if stance is not None and edge.target in stance.follows:
            await self._fanout.backfill(edge.source, edge.target)
        elif edge.target in before.follows:
            await self._fanout.rebuild(edge.source)

    async def tags_followed(self, event: Event) -> None:
        """Somebody follows other hashtags: their home is read with them from now on."""
        followed: FollowedTags = _read(FollowedTags, event)
        await self._store.hear_tags(followed.account, followed.tags, event.entityversion)

    async def fanout_due(self, event: Event) -> None:
        chunk: Chunk = _read(Chunk, event)
        await self._fanout.deliver_chunk(chunk)


def _lists(post: dict[str, Any]) -> set[tuple[str, str]]:
    if not post or post["deleted"]:
        return set()
    return {(kind, id) for kind, ids in lists_of(post).items() for id in ids}
