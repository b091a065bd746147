"""The form of ids as clients and services send them."""

from __future__ import annotations

import re

MAX_ID_DIGITS = 20
"""Own ids have 18 digits. Clients send wider ones as upper bounds of a page."""

ID_PATTERN = rf"^[0-9]{{1,{MAX_ID_DIGITS}}}$"
"""For path and query parameters, and fields of contract models."""

_ID = re.compile(rf"[0-9]{{1,{MAX_ID_DIGITS}}}")


def is_id(text: str) -> bool:
    """Return whether a text has the form of an id."""
    return _ID.fullmatch(text) is not None
