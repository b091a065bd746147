"""The checkout: what will be charged, and what happens then."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError
from starlette.responses import RedirectResponse

from services.chassis.errors import Invalid, ServiceError
from services.chassis.security.caller import Caller
from services.contracts.orders import NewCheckout, Order
from services.gateway.application.checkouts import UNPAID_STATES
from services.gateway.application.failures import log_failure
from services.gateway.container import Gateway
from services.gateway.http.params import RequestParams
from services.gateway.http.reading import read_params
from services.gateway.web.cart import current_cart
from services.gateway.web.faults import FormFault, form_fault
from services.gateway.web.form_keys import new_key
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.viewer import SignedIn

CARDS = (
    "tok_ok",
    "tok_slow",
    "tok_pending",
    "tok_declined",
    "tok_pending_declined",
    "tok_capture_declined",
)
"""The cards of the built-in test provider that the form offers."""

_FIELDS = ("key", "expected_total", "currency", "card")

STEPS = ("reserve", "authorize", "confirm", "capture")


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """The page of the checkout, and its form."""
    router = APIRouter(
        prefix="/checkout", tags=["pages"], route_class=pages.route_class(), include_in_schema=False
    )
    page = _CheckoutPage(gateway, pages)

    @router.get("")
    async def show(viewer: SignedIn) -> Response:
        """The prices of now, and the form."""
        return await page.show(viewer)

    @router.post("")
    async def pay(request: Request, viewer: SignedIn) -> Response:
        """Order what is in the cart at the price that the form has shown, and no other.

        The key of the form makes one order of two clicks. An order that is not paid leads back to
        the form, and to the cart as it was.
        """
        body = await read_params(request)
        try:
            order = await gateway.checkouts.place(_checkout(body), viewer)
        except ServiceError as failure:
            return await page.asked_again(viewer, form_fault(failure), body)
        if order.state in UNPAID_STATES:
            return await page.unpaid(viewer, order, body)
        return RedirectResponse(f"/orders/{order.id}", 303)

    return router


class _CheckoutPage:
    """The page of the checkout."""

    def __init__(self, gateway: Gateway, pages: PageRenderer) -> None:
        self._gateway = gateway
        self._pages = pages

    async def show(
        self,
        viewer: Caller,
        *,
        status: int = 200,
        message: str = "",
        card: str = "",
        order: Order | None = None,
    ) -> Response:
        """The page, with the cart as it is now. `order` is the one that was not paid."""
        return self._pages.render(
            "checkout",
            viewer=viewer,
            status=status,
            **await current_cart(self._gateway, viewer),
            cards=CARDS,
            steps=STEPS,
            key=new_key(),
            card=card,
            message=message,
            order=order.id if order else "",
        )

    async def asked_again(self, viewer: Caller, fault: FormFault, body: RequestParams) -> Response:
        """The page with current prices and the reason why nothing was ordered.

        Where it is not known whether the order was placed, the same form to be sent again, without
        a look at the cart: it may be ordered already.
        """
        if fault.status >= 500:
            given = {name: body.string(name)[:200] for name in _FIELDS}
            return self._pages.render(
                "checkout_again", viewer=viewer, status=fault.status, given=given
            )
        texts, key = self._pages.texts, f"checkout.fault.{fault.code}"
        is_known = key in texts.keys
        message = texts(f"checkout.fault.{fault.code}") if is_known else fault.message
        return await self.show(
            viewer, status=fault.status, message=message, card=body.string("card")
        )

    async def unpaid(self, viewer: Caller, order: Order, body: RequestParams) -> Response:
        """The page with the cart as it was before the order."""
        is_back = await self._is_refilled(order, viewer)
        reason = reason_of(order, self._pages).rstrip(".")
        said = self._pages.texts(f"checkout.{order.state}", reason=reason)
        kept = self._pages.texts("checkout.kept" if is_back else "checkout.not_kept")
        return await self.show(
            viewer, status=422, message=f"{said} {kept}", card=body.string("card"), order=order
        )

    async def _is_refilled(self, order: Order, viewer: Caller) -> bool:
        """Whether the cart has the items again. No fault hides why the order is not paid."""
        try:
            return await self._gateway.checkouts.refill(order, viewer)
        except ServiceError as failure:
            log_failure(failure)
            return False


def reason_of(order: Order, pages: PageRenderer) -> str:
    """Why an order failed, or waits; empty if neither."""
    return explained(order.reason, pages)


def explained(why: str, pages: PageRenderer) -> str:
    """What a service says for people; where it only names a step, the text of that."""
    is_step = f"order.why.{why}" in pages.texts.keys
    return pages.texts(f"order.why.{why}") if is_step else why


def _checkout(body: RequestParams) -> NewCheckout:
    given: dict[str, Any] = {
        "idempotency_key": body.string("key"),
        "card": body.string("card"),
        "expected_total": body.integer("expected_total"),
        "currency": body.string("currency"),
    }
    try:
        return NewCheckout.model_validate(given)
    except ValidationError as error:
        raise Invalid("form_incomplete", code="form_incomplete") from error
