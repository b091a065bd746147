"""How the posts service is put together."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.app import Service
from services.chassis.errands import Errands
from services.chassis.ids import Snowflakes, instant, timestamp
from services.contracts.topics import ACCOUNT_CHANGED
from services.posts.api import create_router
from services.posts.boosts import Boosts
from services.posts.composer import Composer
<<<<<<< HEAD
from services.posts.events import subscribe
from services.posts.pinning import Pinning
=======
from services.posts.erasure import Erasure
from services.posts.events import Projections, subscribe
>>>>>>> a1f7f52 (Delete accounts: the login, what it made, and whom it knew, in every service)
from services.posts.reactions import Reactions
from services.posts.store import Store
from services.posts.suspensions import Suspensions
from services.posts.views import Views


def create_app(service: Service) -> FastAPI:
    """The posts service on its sidecar."""
    store = Store(service)
    suspensions = Suspensions(service)
    service.hear(ACCOUNT_CHANGED.topic, ACCOUNT_CHANGED.producer, suspensions.account_changed)
    views = Views(store, service.sidecar, suspensions)
    ids = Snowflakes().next
    boosts = Boosts(store, views, ids=ids)
    composer = Composer(
        store,
        views,
        boosts,
        service.sidecar,
        ids=ids,
        moment=lambda id: timestamp(instant(id)),
        now=timestamp,
    )
<<<<<<< HEAD
    subscribe(service, store)
    reactions = Reactions(store, views, ids=ids)
    pinning = Pinning(store, views)
    return service.create_app(create_router(views, composer, reactions, boosts, pinning))
=======
    projections = Projections(store)
    subscribe(service, projections)
    Erasure(store, projections).subscribe(service, Errands(service))
    return service.create_app(create_router(views, composer, Reactions(store, views, ids=ids)))
>>>>>>> a1f7f52 (Delete accounts: the login, what it made, and whom it knew, in every service)
