"""Whom one might want to follow."""

from __future__ import annotations

import orjson
from fastapi import APIRouter, Response

from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.clients.json_types.accounts import SuggestionJson
from services.gateway.container import Gateway
from services.gateway.http.openapi import responses
from services.gateway.http.responses import json_response
from services.gateway.rest.dependencies import AccountReader, AccountWriter, Id

_MAX_SUGGESTIONS = 80

_LEGACY_SOURCE_BY_REASON = {"friends_of_friends": "past_interactions", "new": "global"}
"""What Mastodon said of a suggestion before it had `sources`."""

_SOURCE_BY_REASON = {"friends_of_friends": "friends_of_friends", "new": "most_followed"}


def create_router(gateway: Gateway) -> APIRouter:
    """Both versions of the list, and how to be rid of somebody in it."""
    router = APIRouter(prefix="/api", tags=["suggestions"])

    @router.get("/v2/suggestions", responses=responses([], "A list of Suggestion."))
    async def suggestions(caller: AccountReader, limit: int = 40) -> OrjsonResponse:
        """People followed by those one follows, then the newest."""
        return OrjsonResponse(
            [
                {
                    "source": _LEGACY_SOURCE_BY_REASON[row["reason"]],
                    "sources": [_SOURCE_BY_REASON[row["reason"]]],
                    "account": orjson.Fragment(gateway.renderer.account(row["account"])),
                }
                for row in await _rows(gateway, caller, limit)
            ]
        )

    @router.get("/v1/suggestions", responses=responses([], "A list of Account."))
    async def suggested(caller: AccountReader, limit: int = 40) -> Response:
        """The same people, without saying why."""
        rows = await _rows(gateway, caller, limit)
        return json_response(gateway.renderer.accounts([row["account"] for row in rows]))

    @router.delete("/v1/suggestions/{id}", responses=responses({}))
    async def dismiss(
        id: Id,
        caller: AccountWriter,
    ) -> OrjsonResponse:
        """Not to be suggested somebody any more."""
        await gateway.services.users.dismiss_suggestion(id, caller)
        return OrjsonResponse({})

    return router


async def _rows(gateway: Gateway, caller: Caller, limit: int) -> list[SuggestionJson]:
    limit = max(1, min(limit, _MAX_SUGGESTIONS))
    return await gateway.services.users.suggestions(caller, limit=limit)
