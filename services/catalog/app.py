"""Composition of the catalog service."""

from __future__ import annotations

import time
from collections.abc import Callable

from fastapi import FastAPI

from services.catalog.api import data_export, products, reservations, shops, stock
from services.catalog.application.inventory import Inventory
from services.catalog.application.product_lists import ProductLists
from services.catalog.application.products import ProductService
from services.catalog.application.queries import CatalogReader
from services.catalog.application.search_reindex import SearchReindexer
from services.catalog.application.shops import ShopService
from services.catalog.application.stock import StockService
from services.catalog.application.stock_audit import SWEEP_INTERVAL, StockAudit
from services.catalog.consumers import subscribe
from services.catalog.metrics import measure_stocks
from services.catalog.repository import Repository
from services.chassis.ids import SnowflakeGenerator, timestamp
from services.chassis.service import Service
from services.clients.media import MediaClient


def create_app(service: Service, now: Callable[[], float] = time.time) -> FastAPI:
    """Return the catalog service."""
    repository, ids = Repository(service), SnowflakeGenerator().next
    subscribe(service, repository)
    service.background(SearchReindexer(repository).reindex)
    audit = StockAudit(repository)
    service.every(SWEEP_INTERVAL, audit.sweep)
    measure_stocks(service.metrics, audit)
    queries = CatalogReader(repository, now=now)
    inventory = Inventory(repository, now=now)
    product_service = ProductService(
        repository, queries, inventory, MediaClient(service.sidecar), ids=ids, now=timestamp
    )
    if service.settings.microgram_grpc:
        _serve_grpc(service, queries)
    return service.create_app(
        shops.create_router(queries, ShopService(repository, ids=ids, now=timestamp)),
        products.create_router(queries, ProductLists(repository, queries), product_service),
        stock.create_router(StockService(repository, inventory)),
        reservations.create_router(queries, inventory),
        data_export.create_router(repository, inventory),
    )


def _serve_grpc(service: Service, queries: CatalogReader) -> None:
    """Answer by gRPC, too. It is imported here: it takes memory."""
    from services.catalog.api import rpc
    from services.chassis.rpc import server

    server.serve(service, *rpc.create_methods(queries))
