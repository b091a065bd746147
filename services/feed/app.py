"""Assembles the feed service."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.service import Service
from services.feed import api
from services.feed.application.audiences import AudienceQueries
from services.feed.application.conversation_queries import ConversationQueries
from services.feed.application.conversations import ConversationService
from services.feed.application.fanout import FanOut
from services.feed.application.follows import EdgeProjector
from services.feed.application.hashtag_index import HashtagIndex
from services.feed.application.hashtags import HashtagQueries
from services.feed.application.post_loader import PostLoader
from services.feed.application.post_projection import TimelineProjector
from services.feed.application.post_search import PostSearch
from services.feed.application.timeline_queries import TimelineQueries
from services.feed.application.trends import FLUSH_INTERVAL, TrendTracker
from services.feed.consumers import FeedConsumers
from services.feed.domain.relations import LARGE_AUTHOR
from services.feed.repository import Repository


def create_app(service: Service, large: int = LARGE_AUTHOR) -> FastAPI:
    """Return the feed service on its sidecar. For `large` see `FanOut`."""
    repository = Repository(service)
    service.metrics.measure_cache("documents", repository.cache)
    loader = PostLoader(repository)
    trends = TrendTracker(repository)
    service.every(FLUSH_INTERVAL, trends.flush)
    service.manage(trends.flush_at_shutdown())
    index = HashtagIndex(repository)
    hashtags = HashtagQueries(repository, index, trends)
    conversations = ConversationService(repository)
    fanout = FanOut(repository, large)
    service.background(fanout.move_recent_posts)
    posts = TimelineProjector(repository, fanout, index, trends, conversations)
    edges = EdgeProjector(repository, fanout)
    FeedConsumers(repository, posts, edges, trends).subscribe(service)
    return service.create_app(
        api.timelines.create_router(TimelineQueries(repository, loader)),
        api.streaming.create_router(AudienceQueries(repository)),
        api.discovery.create_router(hashtags, PostSearch(repository, loader, trends)),
        api.conversations.create_router(conversations, ConversationQueries(repository, loader)),
        api.data_export.create_router(repository),
    )
