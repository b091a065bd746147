"""Problem details (RFC 9457), the shape of every refusal of `/api/shop/v1`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from services.chassis.app import as_failure
from services.chassis.errors import Failure
from services.gateway.errors import note, sentence

MEDIA = "application/problem+json"
_EXAMPLE = {
    "type": "urn:microgram:problem:changed",
    "title": "Precondition Failed",
    "status": 412,
    "detail": "It was changed since you read it. Read it again.",
    "instance": "/api/shop/v1/products/114000000000000000",
    "code": "changed",
}


def problem(failure: Failure, request: Request) -> Response:
    """A failure as problem details; `code` is for programs, and what else it says is beside it."""
    note(failure)
    more = failure.details if failure.status < 500 else {}
    body = {
        **more,
        "type": f"urn:microgram:problem:{failure.code}",
        "title": HTTPStatus(failure.status).phrase,
        "status": failure.status,
        "detail": sentence(failure),
        "instance": request.url.path,
        "code": failure.code,
    }
    return Response(orjson.dumps(body), failure.status, media_type=MEDIA)


class ProblemRoute(APIRoute):
    """A route that is refused with problem details: `APIRouter(route_class=ProblemRoute)`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except Failure as failure:
                return problem(failure, request)
            except (HTTPException, RequestValidationError) as error:
                return problem(as_failure(error), request)

        return handled


def gives(example: Any, description: str, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """The good answer, and the shape of every bad one, for OpenAPI."""
    return {
        status: {"description": description, "content": {"application/json": {"example": example}}},
        "4XX": {"description": "Refused.", "content": {MEDIA: {"example": _EXAMPLE}}},
    }
