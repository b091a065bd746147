"""Request bodies, read within a bound."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from starlette.types import Message

from services.chassis.errors import ServiceError, TooLarge, from_status
from services.gateway.http.json_body import has_too_many_values

MAX_BODY_BYTES = 320 * 1024
"""Of a body without files. The longest text of four-byte characters fits, percent-encoded."""

MAX_CREDENTIAL_BYTES = 16 * 1024
"""Of a form that logs somebody in, registers them, or exchanges tokens."""


async def read_body(request: Request, bound: int) -> bytes:
    """The raw body. Raises `TooLarge` as soon as it exceeds the bound."""
    check_content_length(request, bound)
    return b"".join([chunk async for chunk in bounded_chunks(request, bound)])


class BoundedRoute(APIRoute):
    """A route with a declared body, bounded here: the framework would read all of it first."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            body = await read_body(request, MAX_BODY_BYTES)
            if has_too_many_values(body):
                raise TooLarge("The document has too many values.")

            async def receive() -> Message:
                return {"type": "http.request", "body": body, "more_body": False}

            return await handle(Request(request.scope, receive))

        return handler


def check_content_length(request: Request, bound: int) -> None:
    """Raise `TooLarge` if `Content-Length` exceeds the bound in bytes."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > bound:
        raise too_large(bound)


async def bounded_chunks(request: Request, bound: int) -> AsyncGenerator[bytes, None]:
    """The chunks of a body. Raises `TooLarge` at the first one above the bound.

    Raises 400 if the client goes away before the end, as people do who cancel an upload.
    """
    taken = 0
    try:
        async for chunk in request.stream():
            taken += len(chunk)
            if taken > bound:
                raise too_large(bound)
            yield chunk
    except ClientDisconnect as gone:
        raise from_status(400, "The request was not sent completely.") from gone


def too_large(bound: int) -> ServiceError:
    """The error for a body, or a part of one, above a bound in bytes."""
    mib, kib = divmod(bound // 1024, 1024)
    most = f"{mib} MiB" if mib else f"{kib} KiB"
    return TooLarge(f"The request is too large: at most {most} are accepted here.")
