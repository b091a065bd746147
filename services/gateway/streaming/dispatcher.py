"""Dispatches broadcast events to the channels of connected clients.

A post costs one call of the feed, for its audience among the connected users, and one of posts, for
their interactions. It is rendered once per distinct look. Events go into a few queues by post, so
that the sidecar does not wait and the events of one post stay in order.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from services.chassis.consuming.events import Event
from services.chassis.errors import NotFound, ServiceError, Unauthenticated
from services.chassis.ids import id_time
from services.clients.json_types.accounts import AccountJson
from services.clients.json_types.posts import ConversationViewJson, PostViewJson
from services.contracts.accounts import Profile
from services.contracts.audiences import MAX_USERS, AudienceRequest
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
from services.gateway.streaming.interactions import (
    NO_INTERACTIONS,
    interactions_of,
    view_with,
)

_WORKERS = 4
_QUEUE_SIZE = 500

_MAX_ASKING = 3
"""How many recipients of a private boost ask for it, one after the other."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PostChange:
    """A state of a post, and the name of its event."""

    event: str
    post: Post
    version: int


class StreamDispatcher:
    """Consumes broadcasts, and publishes events to the hub."""

    def __init__(self, hub: StreamHub, gateway: Gateway) -> None:
        self._hub = hub
        self._gateway = gateway
        self._posts = PostDeduplicator()
        self._notifications = IdDeduplicator()
        self._queues = [
            asyncio.Queue[PostChange | Notification](_QUEUE_SIZE) for _ in range(_WORKERS)
        ]

    async def post_changed(self, event: Event[Post]) -> None:
        """Handle a new, edited or deleted post."""
        post = event.data
        kind = self._posts.event_for(post, event.version, time.time())
        if not kind or not len(self._hub):
            return
        self._enqueue(post.id, PostChange(kind, post, event.version))

    async def notification_changed(self, event: Event[Notification]) -> None:
        """Handle a notification."""
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
            log.warning("the queue of stream events is full", extra={"about": id})

    async def account_changed(self, event: Event[Profile]) -> None:
        """Close the streams of deleted and suspended users."""
        if event.data.deleted or event.data.suspended:
            self._hub.close_user(event.data.id)

    async def run(self) -> None:
        """Work through the queues until cancelled."""
        await asyncio.gather(*(self._run_queue(queue) for queue in self._queues))

    async def _run_queue(self, queue: asyncio.Queue[PostChange | Notification]) -> None:
        while True:
            what = await queue.get()
            try:
                if isinstance(what, PostChange):
                    await self._publish_post(what)
                    await self._publish_conversation(what)
                else:
                    await self._publish_notification(what)
            except ServiceError as failure:
                log.warning("a stream event is lost", extra={"why": failure.message})
            except Exception:
                log.exception("a stream event is lost")

    async def _publish_notification(self, notification: Notification) -> None:
        """Send a notification to its owner. Costs two calls."""
        caller = self._hub.listening_caller(
            _notification_channels(notification), scope_of(NOTIFICATIONS)
        )
        if caller is None:  # disconnected meanwhile
            return
        row = notification.model_dump()
        rendered = await self._gateway.notifications.render(caller, [row])
        for entity in rendered.entities:
            for channel in _notification_channels(notification):
                sent = StreamEvent("notification", entity, row)
                self._hub.publish(channel, sent, scope=scope_of(NOTIFICATIONS))

    async def _publish_post(self, change: PostChange) -> None:
        if change.event == "delete":
            await self._publish_deletion(change)
            return
        shared = [
            channel for channel in shared_channels(change.post) if self._hub.has_listeners(channel)
        ]
        homes, hidden, shown = await self._audience(change, list(self._hub.listening_users(shared)))
        if shown is None or not (homes or shared):
            return
        people = {*homes, *self._hub.listening_users(shared)} - hidden
        view = await self._with_boosted_post(shown[0], homes)
        sent, own = await self._post_events(change.event, view, shown[1], sorted(people))
        if change.post.visibility == "direct":
            self._posts.record_recipients(change.post.id, homes)
        for user in homes:
            self._hub.publish((USER, user), own.get(user, sent))
        for channel in shared:
            self._hub.publish(channel, sent, but=hidden, own=own)

    async def _publish_conversation(self, change: PostChange) -> None:
        """Send the conversation of a direct post to its participants. Costs two calls."""
        post = change.post
        if change.event != "update" or post.visibility != "direct":
            return
        people = sorted({post.author, *(mention.id for mention in post.mentions)})
        listening = [user for user in people if self._hub.has_listeners((DIRECT, user))]
        if not listening:
            return
        question = AudienceRequest(post=post, version=change.version, viewers=listening)
        audience = await self._gateway.services.feed.audience(question)
        if not audience["conversation"]:  # deleted meanwhile
            return
        view, authors = audience["view"], audience["authors"]
        if not authors.keys() >= {*people}:  # the feed does not know all of them yet
            authors |= await self._gateway.services.users.accounts(people)
        cards = await self._gateway.posts.product_cards([view])
        notified = [user for user in listening if user not in audience["hidden"]]
        marks = await interactions_of(self._gateway, view, notified)
        for user in notified:
            row = ConversationViewJson(
                id=audience["conversation"],
                place=post.id,
                unread=user != post.author,
                people=[person for person in people if person != user] or [user],
                last=view_with(view, marks.get(user) or {}),
            )
            entity = self._gateway.renderer.conversation(row, authors, cards)
            self._hub.publish((DIRECT, user), StreamEvent("conversation", entity, (row, authors)))

    async def _publish_deletion(self, change: PostChange) -> None:
        """Send the id of a deleted post to those who may have received it.

        A tombstone has neither mentions nor hashtags: those are remembered.
        """
        post, sent = change.post, StreamEvent("delete", change.post.id.encode())
        if post.visibility == "direct":
            homes = [*self._posts.recipients(post.id)]
        else:
            tags = {"tags": [*self._posts.tags(post.id)]}
            homes, _, _ = await self._audience(
                replace(change, post=post.model_copy(update=tags)), []
            )
        for user in homes:
            self._hub.publish((USER, user), sent)
        for channel in self._hub.channels() if post.visibility == "public" else ():
            if is_shared(channel):
                self._hub.publish(channel, sent)

    async def _audience(
        self, change: PostChange, viewers: list[str]
    ) -> tuple[list[str], set[str], tuple[PostViewJson, Mapping[str, AccountJson]] | None]:
        """The home timelines of a post, users from whom it is hidden, its view and its authors.

        Costs one call for every `MAX_USERS` connected users, and none without listeners.
        """
        users = self._hub.listened_arguments(USER)
        homes: list[str] = []
        hidden: set[str] = set()
        shown: tuple[PostViewJson, Mapping[str, AccountJson]] | None = None
        for start in range(0, max(len(users), len(viewers)), MAX_USERS):
            question = AudienceRequest(
                post=change.post,
                version=change.version,
                users=users[start : start + MAX_USERS],
                viewers=viewers[start : start + MAX_USERS],
            )
            audience = await self._gateway.services.feed.audience(question)
            homes += audience["home"]
            hidden |= {*audience["hidden"]}
            shown = audience["view"], audience["authors"]
        return homes, hidden, shown

    async def _with_boosted_post(self, view: PostViewJson, homes: Sequence[str]) -> PostViewJson:
        """The view of a boost with the boosted post, which the feed may not know yet.

        Without the interactions of who asked: others receive the view too.
        """
        boost = view["post"]
        if not boost["reblog_of_id"] or view["reblog"]:
            return view
        if boost["visibility"] == "private":
            seen = await self._private_boost(boost["id"], boost["author"], homes)
        else:
            seen = await self._gateway.posts.get(boost["id"], None)
        return view_with(seen, NO_INTERACTIONS)

    async def _private_boost(self, id: str, author: str, homes: Sequence[str]) -> PostViewJson:
        """A boost that posts shows only to recipients: its author asks, or the next who listens.

        At most `_MAX_ASKING` do: a token may be revoked by now, and a reader blocked.
        """
        people = sorted(homes, key=lambda user: user != author)
        callers = (self._hub.listening_caller([(USER, user)], scope_of(USER)) for user in people)
        refusal: ServiceError = NotFound("Nobody who may see the boost listens.")
        for caller in islice(filter(None, callers), _MAX_ASKING):
            try:
                return await self._gateway.posts.get(id, caller)
            except (Unauthenticated, NotFound) as error:
                refusal = error
        raise refusal

    async def _post_events(
        self,
        event: str,
        view: PostViewJson,
        authors: Mapping[str, AccountJson],
        people: Sequence[str],
    ) -> tuple[StreamEvent, dict[str, StreamEvent]]:
        """The event of a post for strangers, and for each user who interacted with it.

        Costs one call for the interactions, and one more for authors whom the feed does not know.
        """
        if not all(author in authors for author in author_ids_of(view)):
            authors = await self._gateway.posts.authors(view)
        cards = await self._gateway.posts.product_cards([view])

        def sent(view: PostViewJson) -> StreamEvent:
            return StreamEvent(
                event, self._gateway.renderer.status(view, authors, cards), (view, authors)
            )

        marks = await interactions_of(self._gateway, view, people)
        kinds = {tuple(each.values()): each for each in marks.values()}
        looks = {kind: sent(view_with(view, each)) for kind, each in kinds.items()}
        return sent(view), {user: looks[tuple(each.values())] for user, each in marks.items()}


def _notification_channels(notification: Notification) -> list[Channel]:
    return [(USER, notification.owner), (NOTIFICATIONS, notification.owner)]
