"""The cart, and its forms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError
from starlette.responses import RedirectResponse

from services.chassis.errors import ServiceError
from services.chassis.security.caller import Caller
from services.contracts.catalog import QuoteItem
from services.contracts.limits import MAX_PIECES
from services.contracts.orders import Cart, CartLine, CartQuantity, NewCart
from services.gateway.application.failures import log_failure
from services.gateway.container import Gateway
from services.gateway.http.params import RequestParams
from services.gateway.http.reading import read_params
from services.gateway.presentation.entities import orders as entities
from services.gateway.presentation.entities import shop
from services.gateway.presentation.entities.posts import Entity
from services.gateway.web.faults import FormFault, form_fault
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.shop import ProductPage
from services.gateway.web.viewer import SignedIn

CART = "/cart"


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """The page of the cart, and its forms."""
    router = APIRouter(
        prefix=CART, tags=["pages"], route_class=pages.route_class(), include_in_schema=False
    )
    cart_page, product_page = _CartPage(gateway, pages), ProductPage(gateway, pages)
    orders = gateway.services.orders
    wrong_quantity = FormFault(pages.texts("cart.quantity_wrong", most=MAX_PIECES), 422, "quantity")

    @router.get("")
    async def show(viewer: SignedIn) -> Response:
        """What is in the cart, and what it costs now."""
        return await cart_page.show(viewer)

    @router.post("/items")
    async def add(request: Request, viewer: SignedIn) -> Response:
        """Put a variant of a product into the cart."""
        body = await read_params(request)
        product, variant = body.string("product"), body.string("variant")
        quantity = body.string("quantity")
        try:
            item = QuoteItem(product=product, variant=variant, quantity=_whole(quantity))
            await orders.add_to_cart(item, viewer, {})
        except ValidationError:
            fault = wrong_quantity
        except ServiceError as failure:
            fault = form_fault(failure)
        else:
            return RedirectResponse(CART, 303)
        return await product_page.show(
            product, viewer, fault=fault, chosen=variant, quantity=quantity
        )

    @router.post("/items/{variant}")
    async def change(request: Request, variant: str, viewer: SignedIn) -> Response:
        """Set the quantity of an item."""
        body = await read_params(request)
        typed = body.string("quantity")
        try:
            quantity = CartQuantity(quantity=_whole(typed))
        except ValidationError:
            return await cart_page.show(viewer, fault=wrong_quantity, typed={variant: typed})
        return await cart_page.changed(
            viewer, lambda seen: orders.set_quantity(variant, quantity, viewer, seen), body
        )

    @router.post("/items/{variant}/remove")
    async def remove(request: Request, variant: str, viewer: SignedIn) -> Response:
        """Remove an item."""
        body = await read_params(request)
        return await cart_page.changed(
            viewer, lambda seen: orders.remove_from_cart(variant, viewer, seen), body
        )

    @router.post("/gone")
    async def remove_gone(request: Request, viewer: SignedIn) -> Response:
        """Remove all items that are no longer sold."""
        body = await read_params(request)
        cart = await orders.cart(viewer)
        sold = NewCart(items=[_item(line) for line in cart.lines])
        return await cart_page.changed(
            viewer, lambda seen: orders.set_cart(sold, viewer, seen), body
        )

    return router


class _CartPage:
    """The page of a cart."""

    def __init__(self, gateway: Gateway, pages: PageRenderer) -> None:
        self._gateway = gateway
        self._pages = pages

    async def show(
        self,
        viewer: Caller,
        *,
        fault: FormFault | None = None,
        typed: dict[str, str] | None = None,
    ) -> Response:
        """The page. `typed` are quantities by variant that are wrong: the fault is theirs."""
        return self._pages.render(
            "cart",
            viewer=viewer,
            status=fault.status if fault else 200,
            **await current_cart(self._gateway, viewer),
            fault=fault,
            typed=typed or {},
        )

    async def changed(
        self,
        viewer: Caller,
        change: Callable[[dict[str, str]], Awaitable[Cart]],
        body: RequestParams,
    ) -> Response:
        """Change the cart that the form has shown, and go back to it.

        If it has changed since, nothing happens, and the page says so.
        """
        try:
            await change({"if-match": f'"{body.integer("revision") or 0}"'})
        except ServiceError as failure:
            fault = form_fault(failure)
            if fault.status == 412:
                fault = fault._replace(message=self._pages.texts("cart.changed"))
            return await self.show(viewer, fault=fault)
        return RedirectResponse(CART, 303)


async def current_cart(gateway: Gateway, viewer: Caller) -> dict[str, Any]:
    """The viewer's cart and its shop, as templates show them. Two calls in sequence."""
    cart = await gateway.services.orders.cart(viewer)
    return {
        "cart": _cart_entity(gateway, cart),
        "shop": await shop_or_none(gateway, cart.shop, viewer),
    }


def _cart_entity(gateway: Gateway, cart: Cart) -> Entity:
    """A cart as templates show it. `is_ready`: all of it can be ordered as it is."""
    entity = entities.cart(cart, gateway.urls)
    enough = all(line.available >= line.quantity for line in cart.lines)
    is_ready = bool(cart.lines) and not cart.gone and enough
    return entity | {"revision": cart.revision, "is_ready": is_ready}


async def shop_or_none(gateway: Gateway, id: str | None, viewer: Caller) -> Entity | None:
    """A shop, for the page of something else; None if there is none any more."""
    if not id:
        return None
    try:
        return shop.shop(await gateway.services.catalog.shop(id, viewer), gateway.urls)
    except ServiceError as failure:
        log_failure(failure)
        return None


def _item(line: CartLine) -> QuoteItem:
    return QuoteItem(product=line.product, variant=line.variant, quantity=line.quantity)


def _whole(text: str) -> int:
    """A whole number as it was typed; 0, which is no quantity, for anything else."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
