"""The routes of payments, for the orders service, and of the provider's webhooks."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request

from services.chassis.errors import TooLarge
from services.chassis.http.openapi import responses
from services.chassis.http.responses import OrjsonResponse
from services.chassis.storage.window import normalize_id
from services.clients.payments import SIGNATURE_HEADER
from services.contracts.payments import NewPayment, NewRefund, Payment
from services.payments.adapters.webhooks import WebhookVerifier
from services.payments.api.parameters import OrderId
from services.payments.application.payment_service import PaymentService
from services.payments.domain.payments import PaymentRecord, PaymentTerms, to_public

MAX_WEBHOOK_BYTES = 65_536

_PAYMENT = responses(Payment, "The payment.", 403, 404, 409, 422)
_ACCEPTED = responses(
    dict[str, Any], "The webhook was accepted, now or before.", 403, 404, 409, 413, 422
)


def create_router(payments: PaymentService) -> APIRouter:
    """Return the routes of payments. A repeated step returns the payment as it is."""
    router = APIRouter(prefix="/payments", tags=["payments"])

    @router.post("/{order}/authorize", responses=_PAYMENT)
    async def authorize(order: OrderId, new: NewPayment) -> OrjsonResponse:
        """Hold the price of an order. `state` says whether the card was accepted."""
        buyer, seller = normalize_id(new.buyer), normalize_id(new.seller)
        terms = PaymentTerms(buyer, seller, new.amount, new.currency, new.card)
        return _response(await payments.authorize(order, terms))

    @router.post("/{order}/capture", responses=_PAYMENT)
    async def capture(order: OrderId) -> OrjsonResponse:
        """Capture what is held, once."""
        return _response(await payments.capture(order))

    @router.post("/{order}/void", responses=_PAYMENT)
    async def void(order: OrderId) -> OrjsonResponse:
        """Release what is held. A payment that is not known yet can never be authorized."""
        return _response(await payments.void(order))

    @router.post("/{order}/refund", responses=_PAYMENT)
    async def refund(order: OrderId, new: NewRefund | None = None) -> OrjsonResponse:
        """Give back what was captured, or a part of it."""
        wanted = new or NewRefund()
        return _response(await payments.refund(order, wanted.key, wanted.amount, wanted.currency))

    @router.get("/{order}", responses=_PAYMENT)
    async def get_payment(order: OrderId) -> OrjsonResponse:
        """Return the payment of an order."""
        return _response(await payments.get(order))

    return router


def create_webhook_router(payments: PaymentService, verifier: WebhookVerifier) -> APIRouter:
    """Return the route of webhooks, which the gateway forwards."""
    router = APIRouter(tags=["webhooks"])

    @router.post("/webhooks/provider", responses=_ACCEPTED)
    async def receive_webhook(
        request: Request,
        signature: Annotated[str, Header(alias=SIGNATURE_HEADER, max_length=200)] = "",
    ) -> OrjsonResponse:
        """Record an outcome that the provider reports. The signature identifies the provider."""
        body = await request.body()
        if len(body) > MAX_WEBHOOK_BYTES:
            raise TooLarge(f"A webhook can have at most {MAX_WEBHOOK_BYTES >> 10} KiB.")
        await payments.on_provider_callback(await verifier.verify(body, signature))
        return OrjsonResponse({})

    return router


def _response(payment: PaymentRecord) -> OrjsonResponse:
    return OrjsonResponse(to_public(payment))
