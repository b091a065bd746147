"""How the feed is put together."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.service import Service
from services.chassis.settings import Settings
from services.feed.api import conversations, create_router, data_export, discovery
from services.feed.application import audiences
from services.feed.application.conversations import ConversationService
from services.feed.application.fanout import FanOut, FanOutLimits
from services.feed.application.hashtags import HashtagQueries
from services.feed.application.post_search import PostSearch
from services.feed.application.timeline_queries import TimelineQueries
from services.feed.application.trends import TrendTracker
from services.feed.consumers import subscribe
from services.feed.repository import Repository


class FeedSettings(Settings):
    """When a fan-out is shared among replicas, and when there is none, in followers."""

    microgram_feed_chunk: int = FanOutLimits().chunk
    microgram_feed_large: int = FanOutLimits().large


def create_app(service: Service, limits: FanOutLimits | None = None) -> FastAPI:
    """The feed on its sidecar."""
    repository = Repository(service)
    trends = TrendTracker(repository)
    hashtags = HashtagQueries(repository, trends)
    timelines = TimelineQueries(repository)
    conversation_service = ConversationService(repository, timelines)
    fanout = FanOut(repository, limits or FanOutLimits())
    subscribe(service, repository, fanout, hashtags, trends, conversation_service)
    service.background(trends.run)
    app = service.create_app(
        create_router(timelines),
        audiences.create_router(audiences.AudienceQueries(repository)),
        discovery.create_router(hashtags, PostSearch(repository, timelines, trends)),
        conversations.create_router(conversation_service),
        data_export.create_router(repository),
    )
    app.state.trends = trends
    return app
