"""What the payment provider tells of its own accord: open to whoever signs as the provider."""

from __future__ import annotations

from fastapi import APIRouter, Request

from services.chassis.http.responses import OrjsonResponse
from services.gateway.container import Gateway
from services.gateway.http.body import read_body
from services.gateway.http.openapi import request_body, responses

MAX_BYTES = 65_536
SIGNATURE_HEADER = "provider-signature"


def create_router(gateway: Gateway) -> APIRouter:
    """The route."""
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
        """What became of something that the provider was asked for. One invoke.

        The header `provider-signature` is `t=TIME,v1=HEX`: an HMAC-SHA256 with the secret that the
        provider shares with us, over the time in seconds, a dot, and the body. It holds for five
        minutes.
        """
        body = await read_body(request, MAX_BYTES)
        headers = {
            "content-type": "application/json",
            SIGNATURE_HEADER: request.headers.get(SIGNATURE_HEADER, "")[:200],
        }
        await gateway.services.sidecar.invoke(
            "payments", "webhooks/provider", method="POST", data=body, headers=headers
        )
        return OrjsonResponse({})

    return router
