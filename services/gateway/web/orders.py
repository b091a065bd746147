"""Orders, for their buyers and sellers."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from starlette.responses import RedirectResponse

from services.chassis.errors import NotFound, ServiceError
from services.chassis.security.caller import Caller
from services.chassis.storage.window import Window
from services.clients.base import gather_all
from services.contracts.accounts import Account
from services.contracts.orders import OrderEntry
from services.gateway.application.checkouts import FINAL_STATES
from services.gateway.application.failures import log_failure
from services.gateway.container import Gateway
from services.gateway.presentation.entities import orders as entities
from services.gateway.presentation.entities import people
from services.gateway.presentation.entities.posts import Entity
from services.gateway.web.cart import CART, shop_or_none
from services.gateway.web.checkout import explained, reason_of
from services.gateway.web.faults import FormFault, form_fault
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.timelines import MaxId
from services.gateway.web.viewer import SignedIn

_PAGE_SIZE = 20
_CANCELLABLE = frozenset({"placed", "waiting"})

ShopId = Annotated[str, Query(max_length=20, pattern=r"^\d*$")]


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """Pages of orders, and their forms."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)
    router.routes.extend(_form_routes(gateway, pages).routes)
    page = _OrderPage(gateway, pages)

    @router.get("/orders")
    async def bought(viewer: SignedIn, max_id: MaxId = "") -> Response:
        """What the viewer bought, newest first."""
        return await page.listing(viewer, "buyer", max_id)

    @router.get("/selling/orders")
    async def sold(viewer: SignedIn, max_id: MaxId = "", shop: ShopId = "") -> Response:
        """What the viewer sold, perhaps in one shop, newest first."""
        return await page.listing(viewer, "seller", max_id, shop)

    @router.get("/orders/{id}")
    async def order(id: str, viewer: SignedIn) -> Response:
        """An order with its history."""
        return await page.show(id, viewer)

    return router


def _form_routes(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    router = APIRouter(
        prefix="/orders/{id}",
        tags=["pages"],
        route_class=pages.route_class(),
        include_in_schema=False,
    )
    page = _OrderPage(gateway, pages)

    async def end(action: Literal["cancel", "refund"], id: str, viewer: SignedIn) -> Response:
        try:
            await gateway.services.orders.end_order(id, action, viewer)
        except ServiceError as failure:
            return await page.show(id, viewer, fault=form_fault(failure))
        return RedirectResponse(f"/orders/{id}", 303)

    @router.post("/cancel")
    async def cancel(id: str, viewer: SignedIn) -> Response:
        """Cancel an order that is not paid yet, as its buyer."""
        return await end("cancel", id, viewer)

    @router.post("/refund")
    async def refund(id: str, viewer: SignedIn) -> Response:
        """Refund a paid order, as its seller."""
        return await end("refund", id, viewer)

    @router.post("/cart")
    async def refill(id: str, viewer: SignedIn) -> Response:
        """Put the items into the viewer's empty cart."""
        order = await gateway.services.orders.order(id, viewer)
        try:
            is_back = await gateway.checkouts.refill(order, viewer)
        except NotFound as failure:  # the order is there, but nothing of it is sold any more
            return await page.show(id, viewer, fault=FormFault(failure.message, 409, failure.code))
        except ServiceError as failure:
            return await page.show(id, viewer, fault=form_fault(failure))
        if is_back:
            return RedirectResponse(CART, 303)
        fault = FormFault(pages.texts("order.cart_has_others"), 409, "cart_has_others")
        return await page.show(id, viewer, fault=fault)

    return router


class _OrderPage:
    """The pages of orders."""

    def __init__(self, gateway: Gateway, pages: PageRenderer) -> None:
        self._gateway = gateway
        self._pages = pages

    async def listing(
        self, viewer: Caller, role: Literal["buyer", "seller"], max_id: str, shop: str = ""
    ) -> Response:
        """A page of orders."""
        found = await self._gateway.services.orders.orders(
            viewer, Window(_PAGE_SIZE, max_id), role=role, shop=shop
        )
        kept = f"shop={shop}&" if shop else ""
        return self._pages.render(
            "orders",
            viewer=viewer,
            role=role,
            orders=[entities.order(order, self._gateway.urls) for order in found.orders],
            older=f"?{kept}max_id={found.last}" if found.last else "",
        )

    async def show(self, id: str, viewer: Caller, *, fault: FormFault | None = None) -> Response:
        """An order. Other people's are not found."""
        order = await self._gateway.services.orders.order(id, viewer)
        is_buyer = order.buyer == viewer.user_id
        other, shop = await gather_all(
            _account_or_none(self._gateway, order.seller if is_buyer else order.buyer),
            shop_or_none(self._gateway, order.shop, viewer),
        )
        return self._pages.render(
            "order",
            viewer=viewer,
            status=fault.status if fault else 200,
            order=entities.order(order, self._gateway.urls),
            version=order.version,
            reason=reason_of(order, self._pages),
            history=[step_entity(entry, self._pages) for entry in order.history],
            is_buyer=is_buyer,
            is_final=order.state in FINAL_STATES,
            can_cancel=is_buyer and order.state in _CANCELLABLE,
            can_refund=not is_buyer and order.state == "completed",
            other=other,
            shop=shop,
            fault=fault,
        )


def step_entity(entry: OrderEntry, pages: PageRenderer) -> Entity:
    """A step of the history, with its explanation unless that only repeats the step."""
    why = "" if entry.why == entry.what else explained(entry.why, pages)
    return {"what": entry.what, "at": entry.at, "why": why}


async def _account_or_none(gateway: Gateway, id: str) -> Entity | None:
    """The other party of an order; None if the account is deleted, or users does not answer."""
    try:
        found = Account.model_validate(await gateway.services.users.account(id))
    except ServiceError as failure:
        log_failure(failure)
        return None
    return people.account(found, gateway.urls, gateway.html)
