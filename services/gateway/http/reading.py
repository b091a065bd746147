"""All parameters of a request, from the query string and the body."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.datastructures import FormData

from services.chassis.errors import TooLarge, from_status
from services.gateway.http.body import MAX_BODY_BYTES, check_content_length, read_body
from services.gateway.http.form_fields import MAX_FIELDS, params_of
from services.gateway.http.json_body import parse_json
from services.gateway.http.multipart import MAX_DATA_URL_BYTES, parse_multipart
from services.gateway.http.params import RequestParams

_MULTIPART_OVERHEAD = 128 * 1024  # bytes of a multipart form beside its files
_THREAD_THRESHOLD = 256 * 1024  # larger bodies are parsed in a thread
MAX_ESCAPES = 110_000
"""Percent-encoded bytes of a form: a third of `MAX_BODY_BYTES`. Each takes 0.3 µs."""


@asynccontextmanager
async def params_with_files(
    request: Request, files: int, *, truncate: bool = False
) -> AsyncIterator[RequestParams]:
    """All parameters, with up to so many files that are closed at the end. See `read_params`.

    One more file is accepted, since clients send thumbnails that are not used.
    """
    body = await read_params(request, files, truncate=truncate)
    try:
        yield body
    finally:
        if body.form is not None:
            await body.form.close()


async def read_params(
    request: Request,
    files: int = 0,
    *,
    truncate: bool = False,
    most: int = MAX_BODY_BYTES,
    body_of_get: bool = False,
) -> RequestParams:
    """All parameters. For files use `params_with_files`. `most` bounds a body without files.

    A GET has no body: what a client sends with one is not read (RFC 9110, 9.3.1), except with
    `body_of_get`.

    With `truncate` a file above `limits.MAX_PICTURE_BYTES` is cut soon after it: a page says so
    beside the file, and shows the rest of its form again.

    Raises `TooLarge` as soon as the bound is exceeded, 400 for a malformed body, else `Invalid`.
    """
    bound = files * MAX_DATA_URL_BYTES + _MULTIPART_OVERHEAD if files else most
    params = params_of(request.query_params.multi_items())
    if request.method == "GET" and not body_of_get:
        return params
    check_content_length(request, bound)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        params.form = await parse_multipart(request, bound, files, truncate=truncate)
        request.state.sent = params.form
        params.update(params_of(params.form.multi_items()))
        return params
    body = await read_body(request, bound)
    if not body.strip():
        return params
    request.state.sent = body
    if len(body) > _THREAD_THRESHOLD:
        params.update(await asyncio.to_thread(_parse, kind, body))
    else:
        params.update(_parse(kind, body))
    return params


def has_sent_fields(request: Request) -> bool:
    """Whether a body was read."""
    return hasattr(request.state, "sent")


def sent_fields(request: Request) -> list[tuple[str, str]]:
    """The text fields of a form that was read, in the order in which they were sent.

    None for a form that was not read, or that is none.
    """
    sent = getattr(request.state, "sent", b"")
    if isinstance(sent, FormData):
        return [(name, value) for name, value in sent.multi_items() if isinstance(value, str)]
    try:
        return parse_qsl(sent.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except (UnicodeDecodeError, ValueError):
        return []


def _parse(kind: str, body: bytes) -> dict[str, Any]:
    if kind == "application/json" or kind.endswith("+json") or (not kind and body[:1] == b"{"):
        return _parse_json(body)
    if kind in ("application/x-www-form-urlencoded", ""):
        return _parse_urlencoded(body)
    raise from_status(415, f"The media type {kind[:100]} is not supported.")


def _parse_json(read_body: bytes) -> dict[str, Any]:
    try:
        value = parse_json(read_body)
    except ValueError as error:
        raise from_status(400, "The body is not valid JSON.") from error
    if not isinstance(value, dict):
        raise from_status(400, "The body must be a JSON object.")
    return {name.removesuffix("[]"): item for name, item in value.items()}


def _parse_urlencoded(read_body: bytes) -> dict[str, Any]:
    if read_body.count(b"%") > MAX_ESCAPES:
        raise TooLarge("The form has too many escaped characters. Send files as multipart.")
    try:
        pairs = parse_qsl(read_body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except (UnicodeDecodeError, ValueError) as error:
        raise from_status(400, "The form is malformed.") from error
    return params_of(pairs)
