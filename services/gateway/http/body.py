"""Request bodies, read within a bound."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Message

from services.chassis.errors import ServiceError, TooLarge

MAX_BODY_BYTES = 1024 * 1024


async def read_body(request: Request, bound: int) -> bytes:
    """The body as it was sent. Raises `TooLarge` as soon as that is known."""
    check_content_length(request, bound)
    return b"".join([chunk async for chunk in bounded_chunks(request, bound)])


class BoundedRoute(APIRoute):
    """A route that declares its body: the framework would read all of it, before any guard."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            body = await read_body(request, MAX_BODY_BYTES)

            async def receive() -> Message:
                return {"type": "http.request", "body": body, "more_body": False}

            return await handle(Request(request.scope, receive))

        return handler


def check_content_length(request: Request, bound: int) -> None:
    """Raise `TooLarge` if the request says itself that it is larger than that many bytes."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > bound:
        raise too_large(bound)


async def bounded_chunks(request: Request, bound: int) -> AsyncGenerator[bytes, None]:
    """The chunks of a body. Raises `TooLarge` at the first one above the bound."""
    taken = 0
    async for chunk in request.stream():
        taken += len(chunk)
        if taken > bound:
            raise too_large(bound)
        yield chunk


def too_large(bound: int) -> ServiceError:
    """The error for a body, or a part of one, above a bound in bytes."""
    mib, kib = divmod(bound // 1024, 1024)
    most = f"{mib} MiB" if mib else f"{kib} KiB"
    return TooLarge(f"This is too large: at most {most} are taken here.")
