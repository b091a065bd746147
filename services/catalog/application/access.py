"""Preconditions of changes."""

from __future__ import annotations

from services.chassis.errors import PreconditionRequired
from services.chassis.http.preconditions import Condition


def require_condition(seen: Condition | None) -> Condition:
    """Return the versions in `If-Match`. Raises `PreconditionRequired` without the header."""
    if seen is None or seen.match is None:
        raise PreconditionRequired("Send the ETag of the version that you have read in If-Match.")
    return seen
