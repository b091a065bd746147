"""Checks of ids and preconditions that several use cases share."""

from __future__ import annotations

from collections.abc import Callable

from services.chassis.errors import Invalid, NotFound, PreconditionRequired
from services.chassis.http.preconditions import Condition
from services.chassis.storage.window import normalize_id


def normalize_or_missing(id: str, missing: Callable[[], NotFound]) -> str:
    """Normalize an id from a path. Raises the `NotFound` of `missing` if it cannot be an id."""
    try:
        return normalize_id(id)
    except Invalid:
        raise missing() from None


def require_condition(seen: Condition | None) -> Condition:
    """Return the versions in `If-Match`. Raises `PreconditionRequired` without the header."""
    if seen is None or seen.match is None:
        raise PreconditionRequired("Send the ETag of the version that you have read in If-Match.")
    return seen
