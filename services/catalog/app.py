"""How the catalog service is put together."""

from __future__ import annotations

import time

from fastapi import FastAPI

from services.catalog.api import create_router
from services.catalog.events import subscribe
from services.catalog.keeper import Keeper
from services.catalog.store import Store
from services.catalog.views import Views
from services.catalog.warehouse import Warehouse
from services.chassis.app import Service
from services.chassis.ids import Snowflakes, instant, timestamp


def create_app(service: Service) -> FastAPI:
    """The catalog service on its sidecar."""
    store = Store(service)
    subscribe(service, store)
    views = Views(store, now=time.time)
    warehouse = Warehouse(store, now=time.time)
    keeper = Keeper(
        store,
        views,
        warehouse,
        service.sidecar,
        ids=Snowflakes().next,
        moment=lambda id: timestamp(instant(id)),
        now=timestamp,
    )
    return service.create_app(create_router(views, keeper, warehouse))
