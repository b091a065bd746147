"""Composition of the orders service."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.ids import SnowflakeGenerator, timestamp, utc_now
from services.chassis.service import Service
from services.chassis.workflows.workflows import Workflows
from services.orders.adapters.shop_services import REQUEST_TIMEOUT, Quotes, ShopServices
from services.orders.api import carts, data_export, orders
from services.orders.application.carts import CartService
from services.orders.application.checkout import CheckoutService
from services.orders.application.checkout_activities import CheckoutActivities
from services.orders.application.checkout_starts import CheckoutStarts
from services.orders.application.open_workflows import OpenWorkflows
from services.orders.application.order_commands import OrderCommands
from services.orders.application.order_logs import OrderLogs
from services.orders.application.order_outcomes import OrderOutcomes
from services.orders.application.order_queries import OrderReader
from services.orders.application.projection_rebuild import ProjectionRebuild
from services.orders.application.refund_activities import RefundActivities
from services.orders.application.saga_watchdog import (
    CHECK_INTERVAL,
    IDLE_INTERVAL,
    SagaWatchdog,
)
from services.orders.consumers import subscribe
from services.orders.domain import saga
from services.orders.metrics import measure_sagas
from services.orders.repository import Repository


def create_app(service: Service, workflows: Workflows | None = None) -> FastAPI:
    """Return the orders service, with workflows of its own if none are given."""
    workflows = workflows or Workflows(service)
    quotes = _grpc_quotes(service) if service.settings.microgram_grpc else None
    repository, shop_services = Repository(service), ShopServices(service.sidecar, quotes)
    outcomes = OrderOutcomes()
    logs = OrderLogs(repository, outcomes, now=timestamp)
    starts = CheckoutStarts(workflows)
    watchdog = SagaWatchdog(repository, workflows, starts, now=utc_now)
    for activities in (
        CheckoutActivities(logs, shop_services, watchdog.start_by_steps).all(),
        RefundActivities(logs, shop_services).all(),
    ):
        for name, activity in activities.items():
            workflows.register_activity(name, activity)
    workflows.register_workflow(saga.CHECKOUT, saga.checkout)
    workflows.register_workflow(saga.CHECKOUT_TOGETHER, saga.checkout_together)
    workflows.register_workflow(saga.CHECKOUT_BY_STEPS, saga.checkout_by_steps)
    workflows.register_workflow(saga.REFUND, saga.refund)
    service.every(
        CHECK_INTERVAL, watchdog.check, max_backoff=CHECK_INTERVAL, idle_interval=IDLE_INTERVAL
    )
    measure_sagas(service.metrics, watchdog)
    queries = OrderReader(repository, watchdog, outcomes)
    commands = OrderCommands(repository, queries, watchdog, now=timestamp)
    checkout = CheckoutService(
        repository,
        shop_services,
        watchdog,
        queries,
        ids=SnowflakeGenerator().next,
        now=timestamp,
    )
    subscribe(service, repository, checkout)
    cart_service = CartService(repository, shop_services)
    return service.create_app(
        carts.create_router(cart_service),
        orders.create_router(checkout, queries, commands),
        orders.create_operation_router(
            ProjectionRebuild(repository), OpenWorkflows(repository, workflows, starts)
        ),
        data_export.create_router(repository, cart_service),
    )


def _grpc_quotes(service: Service) -> Quotes:
    """Return a client of catalog by gRPC. It is imported here: it takes memory."""
    from services.chassis.rpc.client import GrpcClient
    from services.clients.catalog_rpc import CatalogRpcClient

    client = GrpcClient(service)
    service.manage(client)
    return CatalogRpcClient(client, REQUEST_TIMEOUT)
