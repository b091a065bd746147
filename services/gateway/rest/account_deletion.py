"""Deleting one's account: a route of ours, which Mastodon's API has not."""

from __future__ import annotations

from fastapi import APIRouter, Request

from services.chassis.errors import Forbidden, Unauthenticated
from services.chassis.http.responses import OrjsonResponse
from services.contracts.logins import Deletion
from services.gateway.container import Gateway
from services.gateway.http.openapi import request_body, responses
from services.gateway.http.reading import read_params
from services.gateway.rest.dependencies import AccountWriter


def create_router(gateway: Gateway) -> APIRouter:
    """The route."""
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
        """Delete one's own account for ever, with all that one made. Needs the password.

        All tokens of the account end within 5 s; the rest is removed in the background. The name
        stays taken.
        """
        password = (await read_params(request)).string("password")
        who = Deletion.model_construct(login=caller.username, password=password[:256])
        try:
            await gateway.services.auth.delete_account(who, caller)
        except Unauthenticated as failure:
            if failure.code == "wrong_login":
                raise Forbidden("This is not the password of the account.") from failure
            raise
        return OrjsonResponse({})

    return router
