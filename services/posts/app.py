"""How the posts service is put together."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.consuming.inbox import Event
from services.chassis.ids import SnowflakeGenerator, id_time, timestamp
from services.chassis.jobs import JobQueue
from services.chassis.service import Service
from services.contracts.events import ACCOUNT_CHANGED
from services.posts import belongings, listeners
from services.posts.api import create_router
from services.posts.boosts import Boosts
from services.posts.composer import Composer
from services.posts.erasure import Erasure
from services.posts.events import Projections, subscribe
from services.posts.pinning import Pinning
from services.posts.reactions import Reactions
from services.posts.store import Store
from services.posts.suspensions import Suspensions
from services.posts.views import Views


def create_app(service: Service) -> FastAPI:
    """The posts service on its sidecar."""
    store = Store(service)
    suspensions = Suspensions(service)
    views = Views(store, service.sidecar, suspensions)
    ids = SnowflakeGenerator().next
    boosts = Boosts(store, views, ids=ids)
    composer = Composer(
        store,
        views,
        boosts,
        service.sidecar,
        host=service.settings.public_host,
        ids=ids,
        moment=lambda id: timestamp(id_time(id)),
        now=timestamp,
    )
    projections = Projections(store)
    subscribe(service, projections)
    erasure = Erasure(store, projections, JobQueue(service))

    async def account_changed(event: Event) -> None:
        await suspensions.account_changed(event)
        await erasure.account_changed(event)

    service.on(ACCOUNT_CHANGED.topic, ACCOUNT_CHANGED.producer, account_changed)
    reactions = Reactions(store, views, ids=ids)
    pinning = Pinning(store, views)
    return service.create_app(
        create_router(views, composer, reactions, boosts, pinning),
        listeners.create_router(store),
        belongings.create_router(store),
    )
