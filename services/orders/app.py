"""How the orders service is put together."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import FastAPI

from services.chassis.ids import SnowflakeGenerator, timestamp
from services.chassis.service import Service
from services.chassis.workflows.workflows import Workflows
from services.orders.adapters.shop_services import ShopServices
from services.orders.api import create_router, data_export
from services.orders.application.carts import CartService
from services.orders.application.checkout import CheckoutService
from services.orders.application.checkout_activities import CheckoutActivities
from services.orders.application.projection_rebuild import ProjectionRebuild
from services.orders.application.saga_watchdog import SagaWatchdog
from services.orders.consumers import OrderProjector, subscribe
from services.orders.domain import saga
from services.orders.repository import Repository


def create_app(service: Service) -> FastAPI:
    """The orders service on its sidecar."""
    store, market, workflows = (
        Repository(service),
        ShopServices(service.sidecar),
        Workflows(service),
    )
    for name, activity in CheckoutActivities(store, market, now=timestamp).all().items():
        workflows.register_activity(name, activity)
    workflows.register_workflow("checkout", saga.checkout)
    workflows.register_workflow("refund", saga.refund)
    watch = SagaWatchdog(store, workflows, now=lambda: datetime.now(UTC))
    service.background(watch.run)
    checkout = CheckoutService(store, market, watch, ids=SnowflakeGenerator().next, now=timestamp)
    subscribe(service, OrderProjector(store), checkout)
    carts = CartService(store, market)
    app = service.create_app(
        create_router(carts, checkout, ProjectionRebuild(store)),
        data_export.create_router(store, carts),
    )
    app.state.watch, app.state.workflows = watch, workflows
    return app
