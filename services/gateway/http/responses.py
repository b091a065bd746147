"""Responses whose JSON is rendered already."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Response


def json_response(body: bytes, headers: Mapping[str, str] | None = None) -> Response:
    """A response from JSON bytes."""
    return Response(body, media_type="application/json", headers=headers)
