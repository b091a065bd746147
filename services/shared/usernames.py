"""The form of usernames."""

from __future__ import annotations

import re

MAX_USERNAME_CHARACTERS = 30

_USERNAME = re.compile(rf"[A-Za-z0-9_]{{1,{MAX_USERNAME_CHARACTERS}}}")


def is_username(text: str) -> bool:
    """Whether a text has the form of a username, in upper or lower case."""
    return _USERNAME.fullmatch(text) is not None
