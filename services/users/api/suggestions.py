"""The routes of suggestions and familiar followers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from services.chassis.errors import Invalid
from services.chassis.http.openapi import responses
from services.chassis.http.responses import OrjsonResponse
from services.contracts.accounts import FamiliarFollowers, Id, Suggestion
from services.users.api.parameters import (
    MAX_IDS,
    FollowReader,
    PathId,
    QueryIds,
    Reader,
    Writer,
)
from services.users.application.suggestions import SuggestionService

MAX_FAMILIAR_IDS = 10

_SUGGESTIONS = responses(list[Suggestion], "The suggestions, best first.", 401, 403)
_DISMISSED = responses(dict[str, Id], "The dismissed account.", 401, 403)
_DISMISSED[200]["content"] = {"application/json": {"example": {"id": "114906321984512345"}}}
_FAMILIAR = responses(list[FamiliarFollowers], "One for each account.", 422)


def create_router(suggestions: SuggestionService) -> APIRouter:
    """Return the routes of suggestions."""
    router = APIRouter(tags=["suggestions"])

    @router.get("/suggestions", responses=_SUGGESTIONS)
    async def list_suggestions(
        caller: Reader, limit: Annotated[int, Query(ge=1, le=MAX_IDS)] = 40
    ) -> OrjsonResponse:
        """Suggest accounts to follow."""
        return OrjsonResponse(await suggestions.suggest(caller.user_id, limit))

    @router.delete("/suggestions/{id}", responses=_DISMISSED)
    async def dismiss_suggestion(id: PathId, caller: Writer) -> OrjsonResponse:
        """Stop suggesting an account."""
        await suggestions.dismiss(caller.user_id, id)
        return OrjsonResponse({"id": id})

    @router.get("/familiar_followers", responses=_FAMILIAR)
    async def list_familiar_followers(ids: QueryIds, caller: FollowReader) -> OrjsonResponse:
        """Return the followers of at most ten accounts whom the caller follows."""
        if len(ids) > MAX_FAMILIAR_IDS:
            raise Invalid(f"A request can have at most {MAX_FAMILIAR_IDS} ids.")
        return OrjsonResponse(await suggestions.familiar(caller.user_id, ids))

    return router
