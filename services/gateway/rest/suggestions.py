"""Whom one might want to follow."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Response

from services.chassis.security.token_verifier import Caller, require_user
from services.chassis.service import OrjsonResponse
from services.gateway.desk import Desk, json_response, numeric_id
from services.gateway.http.openapi import responses

SuggestionReader = Annotated[Caller, Depends(require_user("read:accounts"))]
_MAX_SUGGESTIONS = 80

_LEGACY_SOURCE_BY_REASON = {"friends_of_friends": "past_interactions", "new": "global"}
"""What Mastodon said of a suggestion before it had `sources`."""

_SOURCE_BY_REASON = {"friends_of_friends": "friends_of_friends", "new": "most_followed"}


def create_router(desk: Desk) -> APIRouter:
    """Both versions of the list, and how to be rid of somebody in it."""
    router = APIRouter(prefix="/api", tags=["suggestions"])

    @router.get("/v2/suggestions", responses=responses([], "A list of Suggestion."))
    async def suggestions(caller: SuggestionReader, limit: int = 40) -> OrjsonResponse:
        """People followed by those one follows, then the newest."""
        return OrjsonResponse(
            [
                {
                    "source": _LEGACY_SOURCE_BY_REASON[row["reason"]],
                    "sources": [_SOURCE_BY_REASON[row["reason"]]],
                    "account": orjson.Fragment(desk.rendered.account(row["account"])),
                }
                for row in await _rows(desk, caller, limit)
            ]
        )

    @router.get("/v1/suggestions", responses=responses([], "A list of Account."))
    async def suggested(caller: SuggestionReader, limit: int = 40) -> Response:
        """The same people, without saying why."""
        rows = await _rows(desk, caller, limit)
        return json_response(desk.rendered.accounts([row["account"] for row in rows]))

    @router.delete("/v1/suggestions/{id}", responses=responses({}))
    async def dismiss(
        id: Annotated[str, Path(examples=["114000000000000000"])],
        caller: Annotated[Caller, Depends(require_user("write:accounts"))],
    ) -> OrjsonResponse:
        """Not to be suggested somebody any more."""
        await desk.ask("users", f"suggestions/{numeric_id(id)}", caller, method="DELETE")
        return OrjsonResponse({})

    return router


async def _rows(desk: Desk, caller: Caller, limit: int) -> list[Any]:
    params = {"limit": str(max(1, min(limit, _MAX_SUGGESTIONS)))}
    rows: list[Any] = await desk.ask("users", "suggestions", caller, params=params)
    return rows
