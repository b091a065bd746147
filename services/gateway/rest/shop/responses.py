"""Parameters and responses that the shop routes share: ids, ETags, cursors, problems."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Header, Path, Query, Request, Response

from services.chassis.errors import Invalid
from services.chassis.http.dependencies import MAX_CONDITION_LENGTH
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.gateway.container import Gateway
from services.gateway.http.body import BoundedRoute
from services.gateway.http.conditional import conditional_response
from services.gateway.presentation.entities.posts import Entity

PREFIX = "/api/shop/v1"
Id = Annotated[str, Path(max_length=40, examples=["114000000000000000"])]
ShopReader = Annotated[Caller, Depends(require_user("read:shop"))]
ShopWriter = Annotated[Caller, Depends(require_user("write:shop"))]
Limit = Annotated[int, Query(ge=1, le=80)]
Cursor = Annotated[str, Query(max_length=20, pattern=r"^\d*$", description="From `next_cursor`.")]
IdFilter = Annotated[str, Query(max_length=20, pattern=r"^\d*$")]
IdempotencyKey = Annotated[
    str, Header(alias="idempotency-key", max_length=200, description="Makes retries safe.")
]


async def _conditions(
    request: Request,
    if_match: Annotated[
        str | None,
        Header(
            max_length=MAX_CONDITION_LENGTH, description="The ETag of the current version, or `*`."
        ),
    ] = None,
    if_none_match: Annotated[str | None, Header(max_length=MAX_CONDITION_LENGTH)] = None,
) -> dict[str, str]:
    given = {"if-match": if_match, "if-none-match": if_none_match}
    whole = {
        name: ",".join(request.headers.getlist(name))
        for name, value in given.items()
        if value is not None
    }
    if any(len(value) > MAX_CONDITION_LENGTH for value in whole.values()):
        raise Invalid(f"A condition may have at most {MAX_CONDITION_LENGTH} characters.")
    return whole


Conditions = Annotated[dict[str, str], Depends(_conditions)]
"""The preconditions of a change, as headers for the service."""


class ShopRoute(BoundedRoute):
    """A route whose reads honour `If-Match` and `If-None-Match`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            return conditional_response(request, await handle(request))

        return handler


def entity_response(entity: Entity, version: int, status: int = 200) -> Response:
    """An entity with its version as `ETag`."""
    return OrjsonResponse(entity, status, headers={"etag": f'"{version}"'})


def page_response(gateway: Gateway, request: Request, rows: list[Entity], last: str) -> Response:
    """A page with the cursor of the next one; `null` and no `Link` at the end."""
    headers = {}
    if last:
        kept = [(n, value) for n, value in request.query_params.multi_items() if n != "cursor"]
        query = urlencode([*kept, ("cursor", last)])
        headers["link"] = f'<{gateway.urls.public_url}{request.url.path}?{query}>; rel="next"'
    return OrjsonResponse({"items": rows, "next_cursor": last or None}, headers=headers)
