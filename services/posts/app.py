"""How the posts service is put together."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.consuming.events import CloudEvent
from services.chassis.ids import SnowflakeGenerator, id_time, timestamp
from services.chassis.jobs import JobQueue
from services.chassis.service import Service
from services.contracts.events import ACCOUNT_CHANGED
from services.posts.api import create_router, data_export, streaming
from services.posts.application.account_erasure import AuthorErasure
from services.posts.application.boosts import BoostService
from services.posts.application.pinning import PinService
from services.posts.application.post_service import PostService
from services.posts.application.queries import PostQueries
from services.posts.application.reactions import ReactionService
from services.posts.application.suspended_accounts import SuspendedAccounts
from services.posts.consumers import PostProjector, subscribe
from services.posts.repository import Repository


def create_app(service: Service) -> FastAPI:
    """The posts service on its sidecar."""
    repository = Repository(service)
    suspensions = SuspendedAccounts(service)
    views = PostQueries(repository, service.sidecar, suspensions)
    ids = SnowflakeGenerator().next
    boosts = BoostService(repository, views, ids=ids)
    composer = PostService(
        repository,
        views,
        boosts,
        service.sidecar,
        host=service.settings.public_host,
        ids=ids,
        moment=lambda id: timestamp(id_time(id)),
        now=timestamp,
    )
    projections = PostProjector(repository)
    subscribe(service, projections)
    erasure = AuthorErasure(repository, projections, JobQueue(service))

    async def account_changed(event: CloudEvent) -> None:
        await suspensions.on_account_changed(event)
        await erasure.on_account_changed(event)

    service.on_topic(ACCOUNT_CHANGED.topic, ACCOUNT_CHANGED.producer, account_changed)
    reactions = ReactionService(repository, views, ids=ids)
    pinning = PinService(repository, views)
    return service.create_app(
        create_router(views, composer, reactions, boosts, pinning),
        streaming.create_router(repository),
        data_export.create_router(repository),
    )
