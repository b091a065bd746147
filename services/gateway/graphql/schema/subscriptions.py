"""The subscription type: the same channels as the client API's streams.

The dispatcher decides about audiences. An event brings the post and its authors; other fields are
requested for each event.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from enum import Enum

import strawberry

from services.gateway.graphql.context import Context, Info
from services.gateway.graphql.permissions import require_user, subscription
from services.gateway.graphql.schema.conversations import Conversation, conversation
from services.gateway.graphql.schema.notifications import Notification, visible_notifications
from services.gateway.graphql.schema.posts import Post
from services.gateway.streaming.channels import DIRECT, NOTIFICATIONS, USER, channel_of
from services.gateway.streaming.events import StreamEvent

_READING = "read:statuses"


@strawberry.enum(description="The event of a post.")
class PostEvent(Enum):
    NEW = "update"
    EDITED = "status.update"
    DELETED = "delete"


_EVENTS = {event.value: event for event in PostEvent}


@strawberry.type(description="An event of a post, as the caller sees it.")
class PostNews:
    event: PostEvent
    id: strawberry.ID
    post: Post | None = strawberry.field(description="Null if it is deleted.")


@strawberry.type(name="Subscription")
class SubscriptionRoot:
    @subscription("Posts of the caller and of the people that they follow.", require_user(_READING))
    async def home(self, info: Info) -> AsyncGenerator[PostNews, None]:
        async for item in _posts(info.context, USER):
            yield item

    @subscription("All public posts.", require_user(_READING))
    async def public_posts(
        self, info: Info, only_media: bool = False
    ) -> AsyncGenerator[PostNews, None]:
        async for item in _posts(info.context, "public:media" if only_media else "public"):
            yield item

    @subscription("Public posts with a hashtag.", require_user(_READING))
    async def tagged_posts(self, info: Info, tag: str) -> AsyncGenerator[PostNews, None]:
        async for item in _posts(info.context, "hashtag", tag[:200]):
            yield item

    @subscription("Conversations with a new post.", require_user(_READING))
    async def conversations(self, info: Info) -> AsyncGenerator[Conversation, None]:
        async for item in _events(info.context, DIRECT):
            view, authors = item.source
            yield conversation(view, authors, info.context)

    @subscription("The caller's notifications.", require_user("read:notifications"))
    async def notifications(self, info: Info) -> AsyncGenerator[Notification, None]:
        context = info.context
        async for item in _events(context, NOTIFICATIONS):
            if item.event == "notification":
                for notification in await visible_notifications(context, [item.source]):
                    yield notification


async def _posts(context: Context, stream: str, tag: str = "") -> AsyncGenerator[PostNews, None]:
    async for item in _events(context, stream, tag):
        event = _EVENTS.get(item.event)
        if event is PostEvent.DELETED:
            yield PostNews(event=event, id=strawberry.ID(item.payload.decode()), post=None)
        elif event is not None:
            view, authors = item.source
            context.loaders.prime(authors)
            post = Post.of(view, context)
            yield PostNews(event=event, id=post.id, post=post)


async def _events(
    context: Context, stream: str, tag: str = ""
) -> AsyncGenerator[StreamEvent, None]:
    """The events of a channel from now on. The data loaders are cleared for each event."""
    async for item in context.listen(channel_of(stream, tag, context.me.user_id)):
        context.loaders.clear()
        yield item
