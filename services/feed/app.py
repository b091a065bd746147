"""How the feed is put together."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.service import Service
from services.chassis.settings import Settings
from services.feed import audiences, belongings, conversation_routes, discovery
from services.feed.api import create_router
from services.feed.conversations import Conversations
from services.feed.events import subscribe
from services.feed.fanout import FanOut, Limits
from services.feed.findings import FoundPosts
from services.feed.hashtags import Hashtags
from services.feed.store import Store
from services.feed.timelines import Timelines
from services.feed.trends import Trends


class FeedSettings(Settings):
    """When a fan-out is shared among replicas, and when there is none, in followers."""

    microgram_feed_chunk: int = Limits().chunk
    microgram_feed_large: int = Limits().large


def create_app(service: Service, limits: Limits | None = None) -> FastAPI:
    """The feed on its sidecar."""
    store = Store(service)
    trends = Trends(store)
    hashtags = Hashtags(store, trends)
    timelines = Timelines(store)
    conversations = Conversations(store, timelines)
    fanout = FanOut(store, limits or Limits())
    subscribe(service, store, fanout, hashtags, trends, conversations)
    service.background(trends.run)
    app = service.create_app(
        create_router(timelines),
        audiences.create_router(audiences.Audiences(store)),
        discovery.create_router(hashtags, FoundPosts(store, timelines, trends)),
        conversation_routes.create_router(conversations),
        belongings.create_router(store),
    )
    app.state.trends = trends
    return app
