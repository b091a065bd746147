"""What the feed hears. Every handler may run twice, late, or out of order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from services.chassis.consuming.events import CloudEvent, PoisonMessage, RawHandler
from services.chassis.service import Service
from services.contracts import events
from services.contracts.accounts import Edge, FollowCount, Profile
from services.contracts.comments import ReplyCount
from services.contracts.discovery import FollowedTags
from services.contracts.events import EventType
from services.contracts.posts import AuthoredCount, Mark, Pins, Post, PostCount
from services.feed.application.conversations import ConversationService
from services.feed.application.fanout import FanOut
from services.feed.application.hashtags import HashtagQueries
from services.feed.application.trends import TrendTracker
from services.feed.domain import (
    BOOKMARKED,
    FAVOURITED,
    REBLOGGED,
    AccountProjection,
    FollowerShard,
    PostProjection,
    ReaderRelations,
    follower_shard,
    row_of,
    timelines_of,
)
from services.feed.domain.conversations import memberships
from services.feed.repository import FANOUT_TOPIC, FanOutChunk, Repository


def subscribe(
    service: Service,
    repository: Repository,
    fanout: FanOut,
    hashtags: HashtagQueries,
    trends: TrendTracker,
    conversations: ConversationService,
) -> None:
    """Hear all the feed is made from."""
    handlers = FeedConsumers(repository, fanout, hashtags, trends, conversations)
    by_type: dict[EventType[Any], RawHandler] = {
        events.POST_CHANGED: handlers.on_post_changed,
        events.FAVOURITES_COUNTED: handlers.on_favourites_counted,
        events.REBLOGS_COUNTED: handlers.on_reblogs_counted,
        events.PINS_CHANGED: handlers.on_pins_changed,
        events.REPLIES_COUNTED: handlers.on_replies_counted,
        events.MARK_CHANGED: handlers.on_mark_changed,
        events.POSTS_COUNTED: handlers.on_posts_counted,
        events.ACCOUNT_CHANGED: handlers.on_account_changed,
        events.FOLLOWERS_COUNTED: handlers.on_follows_counted,
        events.FOLLOWING_COUNTED: handlers.on_follows_counted,
        events.EDGE_CHANGED: handlers.on_edge_changed,
        events.TAGS_FOLLOWED: handlers.on_tags_followed,
    }
    for topic, producer in {(event.topic, event.producer) for event in by_type}:
        service.on_topic(topic, producer, _by_type(topic, by_type))
    service.on_topic(FANOUT_TOPIC, service.name, handlers.on_fanout_due)


def _by_type(topic: str, handlers: Mapping[EventType[Any], RawHandler]) -> RawHandler:
    on_topic = {event.name: handle for event, handle in handlers.items() if event.topic == topic}

    async def handle(event: CloudEvent) -> None:
        handler = on_topic.get(event.type)
        if handler is not None:  # a type that is not for us, perhaps a newer one
            await handler(event)

    return handle


@cache
def _adapter(model: Any) -> TypeAdapter[Any]:
    return TypeAdapter(model)


def _validate(model: Any, event: CloudEvent) -> Any:
    try:
        return _adapter(model).validate_python(event.data)
    except ValidationError as error:
        raise PoisonMessage(f"{event.type} {event.subject}: {error.errors()[0]['msg']}") from error


class FeedConsumers:
    """One method for each type of event."""

    def __init__(
        self,
        repository: Repository,
        fanout: FanOut,
        hashtags: HashtagQueries,
        trends: TrendTracker,
        conversations: ConversationService,
    ) -> None:
        self._repository = repository
        self._conversations = conversations
        self._fanout = fanout
        self._hashtags = hashtags
        self._trends = trends

    async def on_post_changed(self, event: CloudEvent) -> None:
        """A post is new, edited or deleted.

        A new post comes into its author's timeline before its followers are read, and a follow is
        noted before that timeline is read: so one of the two sees the other. The card comes last,
        since it says that all this is done. Seven state calls, and one for every fifty followers; a
        direct one comes into the conversations of all who are in it, too.
        """
        post = _validate(Post, event).model_dump(mode="json")
        there = await self._repository.posts.get(post["id"])
        known = there or PostProjection()
        if event.entityversion < known.version:
            return
        if known.exists or post["deleted"]:
            await self._update_lists(known.post, post)
        else:
            await self._distribute(post)
        replaced = known

        def heard(card: PostProjection) -> PostProjection:
            nonlocal replaced
            replaced = card
            return card.apply(post, event.entityversion)

        card = await self._repository.update_post(post["id"], heard, expect_absent=there is None)
        if card.version > event.entityversion:  # overtaken meanwhile
            await self._update_lists(post, card.post)
        elif replaced.version > known.version:  # an older one was put into timelines meanwhile
            await self._update_lists(replaced.post, post)
        if post["visibility"] == "public":
            await self._hashtags.index(post["tags"])
        self._trends.record_post(post)

    async def _distribute(self, post: dict[str, Any]) -> None:
        await self._fanout.insert_into_timelines(_timeline_ids(post), row_of(post))
        await self._fanout.deliver(post)
        if places := memberships(post):
            await self._conversations.add(post, places)

    async def _update_lists(self, before: dict[str, Any], now: dict[str, Any]) -> None:
        """Take a post out of shared timelines it no longer belongs into, and put it into new ones.

        Homes need no such care: a card that is deleted hides its row.
        """
        had = _timeline_ids(before)
        wants = _timeline_ids(now)
        for kind, id in had - wants:
            await self._repository.timelines(kind).remove(id, [now["id"]])
        for kind, id in wants - had:
            await self._repository.timelines(kind).insert(id, [row_of(now)])
        before_in, now_in = memberships(before), memberships(now)
        if left := before_in - now_in:
            await self._conversations.remove(now["id"], left)
        if joined := now_in - before_in:
            await self._conversations.add(now, joined)

    async def on_favourites_counted(self, event: CloudEvent) -> None:
        await self._apply_count(_validate(PostCount, event), "favourites", event.entityversion)

    async def on_reblogs_counted(self, event: CloudEvent) -> None:
        await self._apply_count(_validate(PostCount, event), "reblogs", event.entityversion)

    async def on_pins_changed(self, event: CloudEvent) -> None:
        pins: Pins = _validate(Pins, event)
        await self._repository.relations.update(
            pins.account,
            lambda stance: (stance or ReaderRelations()).apply_pins(
                pins.posts, event.entityversion
            ),
        )

    async def on_replies_counted(self, event: CloudEvent) -> None:
        await self._apply_count(_validate(ReplyCount, event), "replies", event.entityversion)

    async def _apply_count(self, count: PostCount | ReplyCount, name: str, version: int) -> None:
        await self._repository.update_post(
            count.post, lambda card: card.apply_count(name, count.total, version)
        )

    async def on_mark_changed(self, event: CloudEvent) -> None:
        mark: Mark = _validate(Mark, event)
        if mark.favourited:
            self._trends.record_favourite(mark.post, mark.user, mark.favourite_id)
        flags = FAVOURITED if mark.favourited else 0
        flags |= BOOKMARKED if mark.bookmarked else 0
        flags |= REBLOGGED if mark.reblogged else 0
        await self._repository.set_interaction(mark.user, mark.post, flags, event.entityversion)

    async def on_posts_counted(self, event: CloudEvent) -> None:
        count: AuthoredCount = _validate(AuthoredCount, event)

        def heard(person: AccountProjection) -> AccountProjection:
            statuses = person.statuses.apply(count.total, event.entityversion)
            if statuses == person.statuses:
                return person
            return replace(person, statuses=statuses, last_post=count.last_post)

        await self._repository.update_account(count.account, heard)

    async def on_account_changed(self, event: CloudEvent) -> None:
        """A profile changed. Of who is gone, nothing that is only theirs stays."""
        profile = _validate(Profile, event).model_dump(mode="json")
        await self._repository.update_account(
            profile["id"], lambda person: person.apply(profile, event.entityversion)
        )
        if profile["deleted"]:
            await self._repository.delete_account(profile["id"])

    async def on_follows_counted(self, event: CloudEvent) -> None:
        count: FollowCount = _validate(FollowCount, event)
        side = "followers" if event.type == events.FOLLOWERS_COUNTED.name else "following"

        def heard(person: AccountProjection) -> AccountProjection:
            counter = getattr(person, side).apply(count.total, event.entityversion)
            return replace(person, **{side: counter})

        await self._repository.update_account(count.account, heard)

    async def on_edge_changed(self, event: CloudEvent) -> None:
        """Somebody follows, unfollows, blocks or mutes somebody.

        A repeat does all of it again: the first time may have died halfway.
        """
        edge: Edge = _validate(Edge, event)
        version = event.entityversion
        before = await self._repository.relations.get(edge.source) or ReaderRelations()
        if version < before.edge_version(edge.target):
            return
        stance = await self._repository.relations.update(
            edge.source,
            lambda stance: (stance or ReaderRelations()).apply_edge(
                edge.target,
                follows=edge.following,
                hides=edge.blocking or edge.muting,
                reblogs=edge.show_reblogs,
                version=version,
            ),
        )
        await self._repository.apply_block(edge.target, edge.source, version, blocks=edge.blocking)
        await self._repository.follower_shards.update(
            f"{edge.target}:{follower_shard(edge.source)}",
            lambda shard: (shard or FollowerShard()).apply(
                edge.source, follows=edge.following, version=version
            ),
        )
        gone = await self._repository.find_deleted([edge.source, edge.target])
        for person in gone:
            await self._repository.delete_edges(person, edge.source)
        if edge.source in gone:
            return
        if stance is not None and edge.target in stance.follows:
            await self._fanout.backfill_home(edge.source, edge.target)
        elif edge.target in before.follows:
            await self._fanout.rebuild_home(edge.source)

    async def on_tags_followed(self, event: CloudEvent) -> None:
        """Somebody follows other hashtags: their home is read with them from now on."""
        followed: FollowedTags = _validate(FollowedTags, event)
        await self._repository.apply_followed_tags(
            followed.account, followed.tags, event.entityversion
        )

    async def on_fanout_due(self, event: CloudEvent) -> None:
        chunk: FanOutChunk = _validate(FanOutChunk, event)
        await self._fanout.deliver_chunk(chunk)


def _timeline_ids(post: dict[str, Any]) -> set[tuple[str, str]]:
    if not post or post["deleted"]:
        return set()
    return {(kind, id) for kind, ids in timelines_of(post).items() for id in ids}
