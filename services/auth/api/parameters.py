"""The parameters and guards that several routes of auth share."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import HTTPConnection

from services.chassis.errors import Forbidden
from services.chassis.http.openapi import Responses, error_responses
from services.chassis.security.caller import Caller
from services.chassis.security.guards import UserGuard, require_user, with_token_need
from services.contracts.accounts import ID_PATTERN
from services.contracts.logins import WEB_CLIENT_ID

NO_CONTENT: Responses = {200: {"content": {"application/json": {"example": {}}}}}
"""The response of routes that return an empty object."""

MAX_IDS = 160
"""Ids in one request."""

UserId = Annotated[str, Path(pattern=ID_PATTERN, examples=["115581273340018689"])]
Ids = Annotated[str, Query(max_length=4_000, pattern=r"^[0-9,]*$", examples=["1,2"])]


def new_router(tag: str) -> APIRouter:
    """Return an empty router. Callers that the access file does not name get 403."""
    return APIRouter(tags=[tag], responses=error_responses(403))


def require_web_user(scope: str) -> UserGuard:
    """Require a user of the web app. The token of another app is refused, whatever its scopes.

    An app that a user no longer trusts must not end the session in which the user revokes it.
    """
    check = require_user(scope)

    async def guard(request: HTTPConnection) -> Caller:
        caller = await check(request)
        if caller.client_id != WEB_CLIENT_ID:
            raise Forbidden("Only the web app may do this for a user.")
        return caller

    return with_token_need(guard, scope)


WebReader = Annotated[Caller, Depends(require_web_user("read:accounts"))]
WebWriter = Annotated[Caller, Depends(require_web_user("write:accounts"))]


def split_ids(ids: str) -> list[str]:
    """Return the ids of a comma-separated list, at most `MAX_IDS`."""
    return [id for id in ids.split(",") if 0 < len(id) <= 20][:MAX_IDS]
