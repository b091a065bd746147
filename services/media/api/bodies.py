"""Request and response bodies that are bytes."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from services.chassis.errors import Invalid, TooLarge
from services.contracts import limits

BYTES = {"schema": {"type": "string", "format": "binary"}}
PICTURE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": f"The picture itself, at most {limits.MAX_PICTURE_BYTES >> 20} MiB.",
        "content": {
            **{f"image/{kind}": BYTES for kind in ("jpeg", "png", "webp", "gif", "heic")},
            "application/octet-stream": BYTES,
        },
    }
}


async def read_picture(request: Request) -> bytes:
    """Read a bounded request body. An announced length that is too large is refused unread."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limits.MAX_PICTURE_BYTES:
        raise _too_large()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limits.MAX_PICTURE_BYTES:
            raise _too_large()
    if not body:
        raise Invalid("The request contains no picture.")
    return bytes(body)


def _too_large() -> TooLarge:
    return TooLarge(f"A picture can have at most {limits.MAX_PICTURE_BYTES >> 20} MiB.")
