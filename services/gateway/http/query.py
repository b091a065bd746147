"""Flags and ids in the query string."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Request
from pydantic import BeforeValidator

from services.chassis.errors import Invalid
from services.clients.paths import numeric_id
from services.gateway.http.params import RequestParams


def parse_flag(written: Any) -> bool:
    """Whether a query flag is set: by all but the words for false, as in Mastodon."""
    return RequestParams(flag=written).boolean("flag") is True


QueryFlag = Annotated[bool, BeforeValidator(parse_flag)]
"""A query flag. It only selects what is returned, so no value is rejected."""


def query_flag(request: Request, name: str) -> bool:
    """Whether the query string sets a flag."""
    return parse_flag(request.query_params.get(name))


MAX_IDS = 80


def requested_ids(request: Request) -> list[str]:
    """The ids in `id[]` or `id`, each once. Raises `Invalid` for too many."""
    query = request.query_params
    given = dict.fromkeys([*query.getlist("id[]"), *query.getlist("id")])
    if len(given) > MAX_IDS:
        raise Invalid(f"At most {MAX_IDS} ids can be requested at once.")
    return [numeric_id(id) for id in given]
