"""What can be listened to: the same channels as the client API's streams.

Who hears what is the newsroom's to say. What is below a post is asked for as ever, for each event
anew; the post itself and its author come with the news.
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


@strawberry.enum(description="What became of a post.")
class PostEvent(Enum):
    NEW = "update"
    EDITED = "status.update"
    DELETED = "delete"


_EVENTS = {event.value: event for event in PostEvent}


@strawberry.type(description="News of a post, as it looks to the caller.")
class PostNews:
    event: PostEvent
    id: strawberry.ID
    post: Post | None = strawberry.field(description="Null when it is deleted.")


@strawberry.type
class Subscription:
    @subscription("Posts of all whom the caller follows, and their own.", require_user(_READING))
    async def home(self, info: Info) -> AsyncGenerator[PostNews, None]:
        async for news in _posts(info.context, USER):
            yield news

    @subscription("Everybody's public posts.", require_user(_READING))
    async def public_posts(
        self, info: Info, only_media: bool = False
    ) -> AsyncGenerator[PostNews, None]:
        async for news in _posts(info.context, "public:media" if only_media else "public"):
            yield news

    @subscription("Public posts with a hashtag.", require_user(_READING))
    async def tagged_posts(self, info: Info, tag: str) -> AsyncGenerator[PostNews, None]:
        async for news in _posts(info.context, "hashtag", tag[:200]):
            yield news

    @subscription("Conversations in which something was written just now.", require_user(_READING))
    async def conversations(self, info: Info) -> AsyncGenerator[Conversation, None]:
        async for news in _news(info.context, DIRECT):
            view, authors = news.source
            yield conversation(view, authors, info.context)

    @subscription("What the caller is told of.", require_user("read:notifications"))
    async def notifications(self, info: Info) -> AsyncGenerator[Notification, None]:
        context = info.context
        async for news in _news(context, NOTIFICATIONS):
            if news.event == "notification":
                for notification in await visible_notifications(context, [news.source]):
                    yield notification


async def _posts(context: Context, stream: str, tag: str = "") -> AsyncGenerator[PostNews, None]:
    async for news in _news(context, stream, tag):
        event = _EVENTS.get(news.event)
        if event is PostEvent.DELETED:
            yield PostNews(event=event, id=strawberry.ID(news.payload.decode()), post=None)
        elif event is not None:
            view, authors = news.source
            context.loaders.prime(authors)
            post = Post.of(view, context)
            yield PostNews(event=event, id=post.id, post=post)


async def _news(context: Context, stream: str, tag: str = "") -> AsyncGenerator[StreamEvent, None]:
    """What is told on a channel from now on; what was read for the last news is forgotten."""
    async for news in context.listen(channel_of(stream, tag, context.me.user_id)):
        context.loaders.clear()
        yield news
