"""What is said elsewhere, and who gets to hear it.

A post costs one call of the feed, which knows for whom of those connected it is, and one of posts,
which knows what they did with it (`marks`). It is rendered once for each of the few ways in which
it looks to anybody. Nothing waits in the sidecar: what was heard goes into one of a few lanes, by
post, so that what is said of one post stays in order.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from services.chassis.consuming.events import Event
from services.chassis.errors import ServiceError
from services.chassis.ids import id_time
from services.clients.json_types.accounts import AccountJson
from services.clients.json_types.posts import ConversationViewJson, PostViewJson
from services.contracts.accounts import Profile
from services.contracts.audiences import PEOPLE, AudienceQuestion
from services.contracts.notifications import Notification
from services.contracts.posts import Post
from services.gateway.container import Gateway
from services.gateway.presentation.renderer import author_ids_of
from services.gateway.streaming.channels import (
    DIRECT,
    NOTIFICATIONS,
    USER,
    Channel,
    is_shared,
    scope_of,
    shared_channels,
)
from services.gateway.streaming.deduplication import MAX_EVENT_AGE, IdDeduplicator, PostDeduplicator
from services.gateway.streaming.events import StreamEvent
from services.gateway.streaming.hub import StreamHub
from services.gateway.streaming.interactions import interactions_of, view_with

_WORKERS = 4
_QUEUE_SIZE = 500

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PostChange:
    """A state of a post that is news: `event` is the name of the event."""

    event: str
    post: Post
    version: int


class StreamDispatcher:
    """Hears what is broadcast, and has the hub tell it."""

    def __init__(self, hub: StreamHub, gateway: Gateway) -> None:
        self._hub = hub
        self._gateway = gateway
        self._posts = PostDeduplicator()
        self._notifications = IdDeduplicator()
        self._queues = [
            asyncio.Queue[PostChange | Notification](_QUEUE_SIZE) for _ in range(_WORKERS)
        ]

    async def post_changed(self, event: Event[Post]) -> None:
        """A post is new, edited or deleted."""
        post = event.data
        kind = self._posts.event_for(post, event.version, time.time())
        if not kind or not len(self._hub):
            return
        self._enqueue(post.id, PostChange(kind, post, event.version))

    async def notification_changed(self, event: Event[Notification]) -> None:
        """Somebody is told of something."""
        notification = event.data
        if notification.dismissed or not self._is_fresh(notification.id):
            return
        if self._hub.listening_caller(
            _notification_channels(notification), scope_of(NOTIFICATIONS)
        ):
            self._enqueue(notification.id, notification)

    def _is_fresh(self, id: str) -> bool:
        age = time.time() - id_time(id).timestamp()
        return self._notifications.is_first(id) and age < MAX_EVENT_AGE

    def _enqueue(self, id: str, what: PostChange | Notification) -> None:
        try:
            self._queues[int(id) % _WORKERS].put_nowait(what)
        except asyncio.QueueFull:
            log.warning("too much news: streams miss some", extra={"about": id})

    async def account_changed(self, event: Event[Profile]) -> None:
        """Whoever is gone, or may not be here any more, listens no more."""
        if event.data.deleted or event.data.suspended:
            self._hub.close_user(event.data.id)

    async def run(self) -> None:
        """Tell what was heard, for ever."""
        await asyncio.gather(*(self._run_queue(lane) for lane in self._queues))

    async def _run_queue(self, lane: asyncio.Queue[PostChange | Notification]) -> None:
        while True:
            what = await lane.get()
            try:
                if isinstance(what, PostChange):
                    await self._publish_post(what)
                    await self._publish_conversation(what)
                else:
                    await self._publish_notification(what)
            except ServiceError as failure:
                log.warning("streams miss something", extra={"why": failure.message})
            except Exception:
                log.exception("streams miss something")

    async def _publish_notification(self, notification: Notification) -> None:
        """Tell the owner, as `GET /api/v1/notifications/{id}` would: two calls."""
        caller = self._hub.listening_caller(
            _notification_channels(notification), scope_of(NOTIFICATIONS)
        )
        if caller is None:  # who has left meanwhile
            return
        row = notification.model_dump()
        for entity in await self._gateway.notifications.render(caller, [row]):
            for channel in _notification_channels(notification):
                news = StreamEvent("notification", entity, row)
                self._hub.publish(channel, news, scope=scope_of(NOTIFICATIONS))

    async def _publish_post(self, told: PostChange) -> None:
        if told.event == "delete":
            await self._publish_deletion(told)
            return
        shared = [
            channel for channel in shared_channels(told.post) if self._hub.has_listeners(channel)
        ]
        homes, hidden, shown = await self._audience(told, list(self._hub.listening_users(shared)))
        if shown is None or not (homes or shared):
            return
        people = {*homes, *self._hub.listening_users(shared)} - hidden
        news, own = await self._post_events(told.event, *shown, sorted(people))
        if told.post.visibility == "direct":
            self._posts.record_recipients(told.post.id, homes)
        for user in homes:
            self._hub.publish((USER, user), own.get(user, news))
        for channel in shared:
            self._hub.publish(channel, news, but=hidden, own=own)

    async def _publish_conversation(self, told: PostChange) -> None:
        """Tell those who are in it that something was written in a conversation: two calls."""
        post = told.post
        if told.event != "update" or post.visibility != "direct":
            return
        people = sorted({post.author, *(mention.id for mention in post.mentions)})
        listening = [user for user in people if self._hub.has_listeners((DIRECT, user))]
        if not listening:
            return
        question = AudienceQuestion(post=post, version=told.version, viewers=listening)
        audience = await self._gateway.services.feed.audience(question)
        if not audience["conversation"]:  # it is deleted by now
            return
        view, authors = audience["view"], audience["authors"]
        if not authors.keys() >= {*people}:  # the feed has not heard of all yet
            authors |= await self._gateway.people.by_ids(people)
        cards = await self._gateway.posts.product_cards([view])
        told_of = [user for user in listening if user not in audience["hidden"]]
        marks = await interactions_of(self._gateway, view, told_of)
        for user in told_of:
            row = ConversationViewJson(
                id=audience["conversation"],
                place=post.id,
                unread=user != post.author,
                people=[person for person in people if person != user] or [user],
                last=view_with(view, marks.get(user) or {}),
            )
            entity = self._gateway.renderer.conversation(row, authors, cards)
            self._hub.publish((DIRECT, user), StreamEvent("conversation", entity, (row, authors)))

    async def _publish_deletion(self, told: PostChange) -> None:
        """Tell that a post is gone: an id, to those who may have been shown it.

        A tombstone does not say who was named in it, nor its hashtags: those are remembered.
        """
        post, news = told.post, StreamEvent("delete", told.post.id.encode())
        if post.visibility == "direct":
            homes = [*self._posts.recipients(post.id)]
        else:
            tags = {"tags": [*self._posts.tags(post.id)]}
            homes, _, _ = await self._audience(replace(told, post=post.model_copy(update=tags)), [])
        for user in homes:
            self._hub.publish((USER, user), news)
        for channel in self._hub.channels() if post.visibility == "public" else ():
            if is_shared(channel):
                self._hub.publish(channel, news)

    async def _audience(
        self, told: PostChange, viewers: list[str]
    ) -> tuple[list[str], set[str], tuple[PostViewJson, Mapping[str, AccountJson]] | None]:
        """Whose homes a post is for, from whom it is hidden; the post as a view, and its authors.

        One call for every `MAX_ACCOUNTS` that are connected; none where nobody is who might care.
        """
        users = self._hub.listened_arguments(USER)
        homes: list[str] = []
        hidden: set[str] = set()
        shown: tuple[PostViewJson, Mapping[str, AccountJson]] | None = None
        for start in range(0, max(len(users), len(viewers)), PEOPLE):
            question = AudienceQuestion(
                post=told.post,
                version=told.version,
                users=users[start : start + PEOPLE],
                viewers=viewers[start : start + PEOPLE],
            )
            audience = await self._gateway.services.feed.audience(question)
            homes += audience["home"]
            hidden |= {*audience["hidden"]}
            shown = audience["view"], audience["authors"]
        return homes, hidden, shown

    async def _post_events(
        self,
        event: str,
        view: PostViewJson,
        authors: Mapping[str, AccountJson],
        people: Sequence[str],
    ) -> tuple[StreamEvent, dict[str, StreamEvent]]:
        """A post as it looks to a stranger, and to each of some people who did something with it.

        Asks for those marks; else nobody where the feed knows all, and for what it has not heard of
        once or twice.
        """
        if view["post"]["reblog_of_id"] and not view["reblog"]:
            view = await self._gateway.posts.get(view["post"]["id"], None)
        if not all(author in authors for author in author_ids_of(view)):
            authors = await self._gateway.posts.authors(view)
        cards = await self._gateway.posts.product_cards([view])

        def news(view: PostViewJson) -> StreamEvent:
            return StreamEvent(
                event, self._gateway.renderer.status(view, authors, cards), (view, authors)
            )

        marks = await interactions_of(self._gateway, view, people)
        kinds = {tuple(each.values()): each for each in marks.values()}
        looks = {kind: news(view_with(view, each)) for kind, each in kinds.items()}
        return news(view), {user: looks[tuple(each.values())] for user, each in marks.items()}


def _notification_channels(notification: Notification) -> list[Channel]:
    return [(USER, notification.owner), (NOTIFICATIONS, notification.owner)]
