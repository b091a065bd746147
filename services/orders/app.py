"""How the orders service is put together."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import FastAPI

from services.chassis.ids import SnowflakeGenerator, timestamp
from services.chassis.service import Service
from services.chassis.workflows.engine import Workflows
from services.orders import belongings
from services.orders.api import create_router
from services.orders.carting import Carts
from services.orders.checkout import Checkout
from services.orders.domain import saga
from services.orders.events import Projections, subscribe
from services.orders.market import Market
from services.orders.rebuild import Rebuild
from services.orders.steps import Steps
from services.orders.store import Store
from services.orders.watch import Watch


def create_app(service: Service) -> FastAPI:
    """The orders service on its sidecar."""
    store, market, workflows = Store(service), Market(service.sidecar), Workflows(service)
    for name, activity in Steps(store, market, now=timestamp).all().items():
        workflows.register_activity(name, activity)
    workflows.register_workflow("checkout", saga.checkout)
    workflows.register_workflow("refund", saga.refund)
    watch = Watch(store, workflows, now=lambda: datetime.now(UTC))
    service.background(watch.run)
    checkout = Checkout(store, market, watch, ids=SnowflakeGenerator().next, now=timestamp)
    subscribe(service, Projections(store), checkout)
    carts = Carts(store, market)
    app = service.create_app(
        create_router(carts, checkout, Rebuild(store)), belongings.create_router(store, carts)
    )
    app.state.watch, app.state.workflows = watch, workflows
    return app
