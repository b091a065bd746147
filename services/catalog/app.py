"""How the catalog service is put together."""

from __future__ import annotations

import time
from collections.abc import Callable

from fastapi import FastAPI

from services.catalog import belongings
from services.catalog.api import create_router
from services.catalog.events import subscribe
from services.catalog.keeper import Keeper
from services.catalog.reindexing import Reindexing
from services.catalog.store import Store
from services.catalog.views import Views
from services.catalog.warehouse import Warehouse
from services.chassis.ids import SnowflakeGenerator, id_time, timestamp
from services.chassis.service import Service


def create_app(service: Service, now: Callable[[], float] = time.time) -> FastAPI:
    """The catalog service on its sidecar."""
    store = Store(service)
    subscribe(service, store)
    service.background(Reindexing(store).run)
    views = Views(store, now=now)
    warehouse = Warehouse(store, now=now)
    keeper = Keeper(
        store,
        views,
        warehouse,
        service.sidecar,
        ids=SnowflakeGenerator().next,
        moment=lambda id: timestamp(id_time(id)),
        now=timestamp,
    )
    return service.create_app(
        create_router(views, keeper, warehouse), belongings.create_router(store, warehouse)
    )
