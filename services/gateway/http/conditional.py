"""Conditional reads: `If-Match` and `If-None-Match` (RFC 9110, 13.2.2)."""

from __future__ import annotations

from fastapi import Request, Response

from services.chassis.errors import PreconditionFailed
from services.chassis.http.preconditions import EntityTags

_NOT_MODIFIED_HEADERS = ("cache-control", "content-location", "etag", "expires", "vary")
"""Headers that a 304 repeats from the full response (RFC 9110, 15.4.5)."""


def entity_tags(request: Request, name: str) -> EntityTags | None:
    """The entity tags of a header, on one or more lines; None without the header."""
    lines = request.headers.getlist(name)
    return EntityTags.of(",".join(lines)) if lines else None


def conditional_response(request: Request, response: Response) -> Response:
    """The response to a read, or 304 if the reader has this version. Raises `PreconditionFailed`.

    Only a 200 response has a version to compare with.
    """
    tag = response.headers.get("etag", "").strip('"')
    if request.method != "GET" or response.status_code != 200 or not tag:
        return response
    wanted, known = entity_tags(request, "if-match"), entity_tags(request, "if-none-match")
    if wanted is not None and not wanted.has(tag):
        raise PreconditionFailed("It has changed since you read it. Read it again.")
    if known is None or not known.resembles(tag):
        return response
    kept = {
        name: response.headers[name] for name in _NOT_MODIFIED_HEADERS if name in response.headers
    }
    return Response(status_code=304, headers=kept)
