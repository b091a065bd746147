"""Assembles the posts service."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.ids import SnowflakeGenerator, id_time, timestamp
from services.chassis.jobs import JobQueue
from services.chassis.service import Service
from services.clients.media import MediaClient
from services.clients.users import UsersClient
from services.posts import api
from services.posts.application.account_erasure import AuthorErasure
from services.posts.application.boosts import BoostService
from services.posts.application.list_projection import PostListProjector
from services.posts.application.pinning import PinService
from services.posts.application.post_deletion import PostDeletion
from services.posts.application.post_service import PostService
from services.posts.application.queries import PostQueries
from services.posts.application.reaction_queries import ReactionQueries
from services.posts.application.reactions import ReactionService
from services.posts.application.suspended_accounts import SuspendedAccounts
from services.posts.consumers import PostsConsumers
from services.posts.repository import Repository


def create_app(service: Service) -> FastAPI:
    """Return the posts service on its sidecar."""
    repository = Repository(service)
    users, media = UsersClient(service.sidecar), MediaClient(service.sidecar)
    suspended_accounts = SuspendedAccounts(repository)
    queries = PostQueries(repository, users, suspended_accounts)
    ids = SnowflakeGenerator().next
    boosts = BoostService(repository, queries, ids=ids)
    posts = PostService(
        repository,
        queries,
        users,
        media,
        host=service.settings.public_host,
        ids=ids,
        time_of_id=lambda id: timestamp(id_time(id)),
        now=timestamp,
    )
    projector = PostListProjector(repository)
    erasure = AuthorErasure(repository, projector, JobQueue(service))
    PostsConsumers(repository, projector, suspended_accounts, erasure).subscribe(service)
    return service.create_app(
        api.posts.create_router(queries, posts, PostDeletion(repository, queries, boosts, media)),
        api.moderation.create_router(queries),
        api.reactions.create_router(
            ReactionService(repository, queries, ids=ids), ReactionQueries(repository, queries)
        ),
        api.boosts.create_router(boosts, ReactionQueries(repository, queries)),
        api.pins.create_router(PinService(repository, queries)),
        api.streaming.create_router(repository),
        api.data_export.create_router(repository),
    )
