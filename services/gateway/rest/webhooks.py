"""Webhooks of the payment provider, authenticated by their signature."""

from __future__ import annotations

from fastapi import APIRouter, Request

from services.chassis.http.responses import OrjsonResponse
from services.clients.payments import SIGNATURE_HEADER
from services.gateway.container import Gateway
from services.gateway.http.body import read_body
from services.gateway.http.openapi import request_body, responses

MAX_BYTES = 65_536


def create_router(gateway: Gateway) -> APIRouter:
    """The route of webhooks."""
    router = APIRouter(prefix="/webhooks", tags=["webhooks"])

    @router.post(
        "/payments",
        openapi_extra=request_body(
            "application/json",
            id="string",
            charge="string",
            key="string",
            outcome="string",
            reason="string",
            amount="integer",
            currency="string",
        ),
        responses=responses({}),
    )
    async def payments(request: Request) -> OrjsonResponse:
        """The result of a charge. Costs one invocation.

        The header `provider-signature` is `t=TIME,v1=HEX`: an HMAC-SHA256 with the shared secret of
        the provider, over the time in seconds, a dot, and the body. It is valid for five minutes.
        """
        body = await read_body(request, MAX_BYTES)
        signature = request.headers.get(SIGNATURE_HEADER, "")[:200]
        await gateway.payment_webhooks.send_to_payments(body, signature)
        return OrjsonResponse({})

    return router
