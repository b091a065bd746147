"""Whom one might want to follow."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Response

from services.chassis.security.token_verifier import Caller, require_user
from services.chassis.service import OrjsonResponse
from services.gateway.desk import Desk, answer, numeric
from services.gateway.documents import gives

Me = Annotated[Caller, Depends(require_user("read:accounts"))]
_MOST = 80

_SOURCES = {"friends_of_friends": "past_interactions", "new": "global"}
"""What Mastodon said of a suggestion before it had `sources`."""

_PRESENT = {"friends_of_friends": "friends_of_friends", "new": "most_followed"}


def create_router(desk: Desk) -> APIRouter:
    """Both versions of the list, and how to be rid of somebody in it."""
    router = APIRouter(prefix="/api", tags=["suggestions"])

    @router.get("/v2/suggestions", responses=gives([], "A list of Suggestion."))
    async def suggestions(caller: Me, limit: int = 40) -> OrjsonResponse:
        """People followed by those one follows, then the newest."""
        return OrjsonResponse(
            [
                {
                    "source": _SOURCES[row["reason"]],
                    "sources": [_PRESENT[row["reason"]]],
                    "account": orjson.Fragment(desk.rendered.account(row["account"])),
                }
                for row in await _rows(desk, caller, limit)
            ]
        )

    @router.get("/v1/suggestions", responses=gives([], "A list of Account."))
    async def suggested(caller: Me, limit: int = 40) -> Response:
        """The same people, without saying why."""
        rows = await _rows(desk, caller, limit)
        return answer(desk.rendered.accounts([row["account"] for row in rows]))

    @router.delete("/v1/suggestions/{id}", responses=gives({}))
    async def dismiss(
        id: Annotated[str, Path(examples=["114000000000000000"])],
        caller: Annotated[Caller, Depends(require_user("write:accounts"))],
    ) -> OrjsonResponse:
        """Not to be suggested somebody any more."""
        await desk.ask("users", f"suggestions/{numeric(id)}", caller, method="DELETE")
        return OrjsonResponse({})

    return router


async def _rows(desk: Desk, caller: Caller, limit: int) -> list[Any]:
    params = {"limit": str(max(1, min(limit, _MOST)))}
    rows: list[Any] = await desk.ask("users", "suggestions", caller, params=params)
    return rows
