"""How the catalog service is put together."""

from __future__ import annotations

import time
from collections.abc import Callable

from fastapi import FastAPI

from services.catalog.api import create_router, data_export
from services.catalog.application.inventory import Inventory
from services.catalog.application.products import ProductService
from services.catalog.application.queries import CatalogQueries
from services.catalog.application.search_reindex import SearchReindexer
from services.catalog.consumers import subscribe
from services.catalog.repository import Repository
from services.chassis.ids import SnowflakeGenerator, id_time, timestamp
from services.chassis.service import Service


def create_app(service: Service, now: Callable[[], float] = time.time) -> FastAPI:
    """The catalog service on its sidecar."""
    store = Repository(service)
    subscribe(service, store)
    service.background(SearchReindexer(store).run)
    views = CatalogQueries(store, now=now)
    warehouse = Inventory(store, now=now)
    keeper = ProductService(
        store,
        views,
        warehouse,
        service.sidecar,
        ids=SnowflakeGenerator().next,
        moment=lambda id: timestamp(id_time(id)),
        now=timestamp,
    )
    return service.create_app(
        create_router(views, keeper, warehouse), data_export.create_router(store, warehouse)
    )
