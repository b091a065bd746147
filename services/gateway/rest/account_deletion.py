"""Deletion of the caller's account: our own route, which Mastodon's API does not have."""

from __future__ import annotations

from fastapi import APIRouter, Request

from services.chassis.errors import Forbidden, Unauthenticated
from services.chassis.http.responses import OrjsonResponse
from services.contracts.logins import DeletionRequest
from services.gateway.container import Gateway
from services.gateway.http.body import MAX_CREDENTIAL_BYTES
from services.gateway.http.openapi import request_body, responses
from services.gateway.http.reading import read_params
from services.gateway.rest.dependencies import AccountWriter


def create_router(gateway: Gateway) -> APIRouter:
    """The route that deletes the caller's account."""
    router = APIRouter(prefix="/api/v1/accounts", tags=["accounts"])

    @router.post(
        "/delete",
        openapi_extra=request_body(
            password="string",  # noqa: S106 (a type)
            example={"password": "correct horse battery"},
        ),
        responses=responses({}),
    )
    async def delete(request: Request, caller: AccountWriter) -> OrjsonResponse:
        """Delete the caller's account permanently, with all of its data. Requires the password.

        All tokens of the account are revoked within 5 s. The data is deleted in the background. The
        username stays reserved.
        """
        password = (await read_params(request, most=MAX_CREDENTIAL_BYTES)).string("password")
        who = DeletionRequest.model_construct(login=caller.username, password=password[:256])
        try:
            await gateway.services.auth.delete_account(who, caller)
        except Unauthenticated as failure:
            if failure.code == "wrong_login":
                raise Forbidden("The password is wrong.") from failure
            raise
        return OrjsonResponse({})

    return router
