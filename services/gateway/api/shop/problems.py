"""What the shop's routes give, for OpenAPI."""

from __future__ import annotations

from typing import Any

from services.gateway.errors import PROBLEM

_EXAMPLE = {
    "type": "urn:microgram:problem:changed",
    "title": "Precondition Failed",
    "status": 412,
    "detail": "It was changed since you read it. Read it again.",
    "instance": "/api/shop/v1/products/114000000000000000",
    "code": "changed",
}


def gives(example: Any, description: str, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """The good answer, and the shape of every bad one, for OpenAPI."""
    return {
        status: {"description": description, "content": {"application/json": {"example": example}}},
        "4XX": {"description": "Refused.", "content": {PROBLEM: {"example": _EXAMPLE}}},
    }
