"""How the posts service is put together."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.consuming.inbox import Event
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
from services.posts.repository import PostsRepository


def create_app(service: Service) -> FastAPI:
    """The posts service on its sidecar."""
    store = PostsRepository(service)
    suspensions = SuspendedAccounts(service)
    views = PostQueries(store, service.sidecar, suspensions)
    ids = SnowflakeGenerator().next
    boosts = BoostService(store, views, ids=ids)
    composer = PostService(
        store,
        views,
        boosts,
        service.sidecar,
        host=service.settings.public_host,
        ids=ids,
        moment=lambda id: timestamp(id_time(id)),
        now=timestamp,
    )
    projections = PostProjector(store)
    subscribe(service, projections)
    erasure = AuthorErasure(store, projections, JobQueue(service))

    async def account_changed(event: Event) -> None:
        await suspensions.on_account_changed(event)
        await erasure.on_account_changed(event)

    service.on(ACCOUNT_CHANGED.topic, ACCOUNT_CHANGED.producer, account_changed)
    reactions = ReactionService(store, views, ids=ids)
    pinning = PinService(store, views)
    return service.create_app(
        create_router(views, composer, reactions, boosts, pinning),
        streaming.create_router(store),
        data_export.create_router(store),
    )
