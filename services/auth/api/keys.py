"""The routes by which every service verifies tokens: public keys and revoked tokens."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from services.auth.adapters.revocations import RevocationLog
from services.auth.adapters.signing_keys import SigningKeySet
from services.chassis.http.openapi import error_responses
from services.chassis.http.responses import OrjsonResponse
from services.chassis.metrics import mark_as_stream
from services.contracts.logins import JwkSet, RevokedTokens


def create_router(signing_keys: SigningKeySet, revocations: RevocationLog) -> APIRouter:
    """Return the routes of keys and revocations."""
    router = APIRouter(tags=["keys"], responses=error_responses(403))

    @router.get("/jwks", response_model=JwkSet)
    async def get_keys() -> OrjsonResponse:
        """Return the public keys that verify tokens (RFC 7517, RFC 8037)."""
        return OrjsonResponse({"keys": await signing_keys.public_keys()})

    @router.get("/revocations", response_model=RevokedTokens)
    async def list_revocations(
        request: Request,
        after: Annotated[
            int, Query(ge=0, le=10**12, description="`next` of the previous response.")
        ] = 0,
        wait: Annotated[
            float, Query(ge=0, le=20, description="Seconds to wait if there is nothing yet.")
        ] = 0,
    ) -> OrjsonResponse:
        """Return the ids of tokens revoked since. Repeat until the list is empty."""
        if wait:
            mark_as_stream(request.scope)
        ids, cursor = await revocations.wait_after(after, wait)
        return OrjsonResponse({"revoked": ids, "next": cursor})

    return router
