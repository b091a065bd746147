"""The start of selling: shops, balances, statements."""

from __future__ import annotations

from typing import get_args

from fastapi import APIRouter, Response

from services.chassis.errors import Forbidden, NotFound, ServiceError
from services.chassis.security.caller import Caller
from services.chassis.storage.window import Window
from services.clients.base import gather_all
from services.contracts.catalog import Currency, ShopView
from services.contracts.limits import MAX_SHOPS
from services.gateway.application.failures import log_failure
from services.gateway.container import Gateway
from services.gateway.http.params import RequestParams
from services.gateway.presentation.entities import orders
from services.gateway.presentation.entities import shop as entities
from services.gateway.presentation.entities.posts import Entity
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.texts import Texts
from services.gateway.web.timelines import MaxId
from services.gateway.web.viewer import SignedIn

SELLING = "/selling"
CURRENCIES: tuple[str, ...] = get_args(Currency)
_NEWEST_ORDERS = 5
_STATEMENT_SIZE = 30


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """Pages for sellers. Everybody sees their own shops only; catalog checks each change."""
    router = APIRouter(
        prefix=SELLING, tags=["pages"], route_class=pages.route_class(), include_in_schema=False
    )

    @router.get("")
    async def overview(viewer: SignedIn) -> Response:
        """The viewer's shops, newest orders and balances. Three calls."""
        shops, sold, balances = await gather_all(
            gateway.services.catalog.shops(viewer, limit=MAX_SHOPS, owner=viewer.user_id),
            gateway.services.orders.orders(viewer, Window(_NEWEST_ORDERS), role="seller"),
            _balances(gateway, viewer),
        )
        return pages.render(
            "selling",
            viewer=viewer,
            shops=[entities.shop(view, gateway.urls) for view in shops.shops],
            can_open=len(shops.shops) < MAX_SHOPS,
            orders=[orders.order(order, gateway.urls) for order in sold.orders],
            balances=balances,
        )

    @router.get("/balances/{currency}")
    async def statement(viewer: SignedIn, currency: str, max_id: MaxId = "") -> Response:
        """The changes of the viewer's balance in a currency, newest first. One call."""
        if currency not in CURRENCIES:
            raise NotFound(pages.texts("error.404.text"))
        found = await gateway.services.payments.statement(
            viewer, "seller", currency, Window(_STATEMENT_SIZE, max_id)
        )
        lines = [
            line.model_dump() | {"amount": entities.money(line.amount, currency)}
            for line in found.lines
        ]
        is_full = len(lines) == _STATEMENT_SIZE
        return pages.render(
            "statement",
            viewer=viewer,
            currency=currency,
            balance=entities.money(found.balance, currency),
            lines=lines,
            older=f"?max_id={found.lines[-1].id}" if is_full else "",
        )

    return router


async def own_shop(gateway: Gateway, id: str, viewer: Caller, texts: Texts) -> ShopView:
    """A shop of the viewer. Raises `NotFound`, and `Forbidden` for a shop of another person."""
    found = await gateway.services.catalog.shop(id, viewer)
    if found.shop.owner != viewer.user_id:
        raise Forbidden(texts("selling.not_your_shop"))
    return found


def version_condition(body: RequestParams) -> dict[str, str]:
    """The version that a form was filled in on, as a precondition."""
    return {"if-match": f'"{body.integer("version") or 0}"'}


async def _balances(gateway: Gateway, viewer: Caller) -> list[Entity] | None:
    """What the viewer earned, by currency; None if payments does not answer."""
    try:
        found = await gateway.services.payments.balances(viewer)
    except ServiceError as failure:
        log_failure(failure)
        return None
    return [entities.money(one.balance, one.currency) for one in found if one.account == "seller"]
