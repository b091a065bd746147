"""Suggested accounts."""

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
"""The `source` of older Mastodon versions."""

_SOURCE_BY_REASON = {"friends_of_friends": "friends_of_friends", "new": "most_followed"}


def create_router(gateway: Gateway) -> APIRouter:
    """Routes about suggestions."""
    router = APIRouter(prefix="/api", tags=["suggestions"])

    @router.get("/v2/suggestions", responses=responses([], "A list of Suggestion."))
    async def suggestions(caller: AccountReader, limit: int = 40) -> OrjsonResponse:
        """Accounts followed by those that the caller follows, then the newest ones."""
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
        """The same accounts, without the reasons."""
        rows = await _rows(gateway, caller, limit)
        return json_response(gateway.renderer.accounts([row["account"] for row in rows]))

    @router.delete("/v1/suggestions/{id}", responses=responses({}))
    async def dismiss(
        id: Id,
        caller: AccountWriter,
    ) -> OrjsonResponse:
        """Stop suggesting an account."""
        await gateway.services.users.dismiss_suggestion(id, caller)
        return OrjsonResponse({})

    return router


async def _rows(gateway: Gateway, caller: Caller, limit: int) -> list[SuggestionJson]:
    limit = max(1, min(limit, _MAX_SUGGESTIONS))
    return await gateway.services.users.suggestions(caller, limit=limit)
