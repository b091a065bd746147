"""The routes of checkouts and orders."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query

from services.chassis.http.dependencies import window
from services.chassis.http.openapi import responses
from services.chassis.http.responses import OrjsonResponse
from services.chassis.storage.window import Window
from services.contracts.limits import MAX_WAIT
from services.contracts.orders import NewCheckout, Order, OrderList, RebuildResponse, WorkflowList
from services.orders.api.parameters import Reader, Writer
from services.orders.application.checkout import CheckoutService
from services.orders.application.open_workflows import OpenWorkflows
from services.orders.application.order_commands import OrderCommands
from services.orders.application.order_queries import OrderReader
from services.orders.application.projection_rebuild import ProjectionRebuild

OrderId = Annotated[str, Path(max_length=40, examples=["116548290000001537"])]
Wait = Annotated[
    float, Query(ge=0, le=MAX_WAIT, description="Seconds to wait until the order is final.")
]
PageWindow = Annotated[Window, Depends(window())]

_ORDER = responses(Order, "The order.", 401, 403, 404, 409, 422, 503)
_LIST = responses(OrderList, "A page of orders.", 401, 403, 422)
_WORKFLOWS = responses(WorkflowList, "The workflows of open orders.", 403)
_REBUILT = responses(RebuildResponse, "How much was repaired.", 403)


def create_router(
    checkout: CheckoutService, queries: OrderReader, commands: OrderCommands
) -> APIRouter:
    """Return the routes of checkouts and orders."""
    router = APIRouter(tags=["orders"])

    @router.post("/checkouts", responses=_ORDER)
    async def place_order(new: NewCheckout, caller: Writer, wait: Wait = 0.0) -> OrjsonResponse:
        """Order what is in the cart. The same idempotency key returns the same order."""
        order = await checkout.place(caller.user_id, new)
        return OrjsonResponse(await queries.await_final(order, caller.user_id, wait))

    @router.get("/orders", responses=_LIST)
    async def list_orders(
        caller: Reader,
        page: PageWindow,
        role: Literal["buyer", "seller"] = "buyer",
        shop: Annotated[str, Query(max_length=20, pattern=r"^\d*$")] = "",
    ) -> OrjsonResponse:
        """List what the caller bought or sold, perhaps in one shop, newest first."""
        return OrjsonResponse(await queries.list_orders(role, caller.user_id, shop, page))

    @router.get("/orders/{id}", responses=_ORDER)
    async def get_order(id: OrderId, caller: Reader) -> OrjsonResponse:
        """Return an order and its history to its buyer or seller."""
        return OrjsonResponse(await queries.show(id, caller.user_id))

    @router.post("/orders/{id}/cancel", responses=_ORDER)
    async def cancel_order(id: OrderId, caller: Writer) -> OrjsonResponse:
        """Cancel an order that is not paid yet, for its buyer."""
        return OrjsonResponse(await commands.cancel(id, caller.user_id))

    @router.post("/orders/{id}/refund", responses=_ORDER)
    async def refund_order(id: OrderId, caller: Writer) -> OrjsonResponse:
        """Refund a paid order completely, for its seller."""
        return OrjsonResponse(await commands.refund(id, caller.user_id))

    return router


def create_operation_router(rebuild: ProjectionRebuild, open_workflows: OpenWorkflows) -> APIRouter:
    """Return the routes for the operator: `./tye-like-run.sh rebuild`, and the dashboard."""
    router = APIRouter(tags=["operation"])

    @router.post("/rebuilds", responses=_REBUILT)
    async def rebuild_projections() -> OrjsonResponse:
        """Rebuild lists from the logs."""
        return OrjsonResponse(await rebuild.run())

    @router.get("/workflows", responses=_WORKFLOWS)
    async def list_workflows() -> OrjsonResponse:
        """List the workflows of orders that are not final, with their history."""
        return OrjsonResponse(await open_workflows.list())

    return router
