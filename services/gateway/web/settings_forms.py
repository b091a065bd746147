"""What the forms of the settings share: the way back, and edits in two windows."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import orjson
from fastapi import Response
from starlette.responses import RedirectResponse

Saved = Literal["", "changes", "password", "email", "one", "others"]
"""What was saved just now; empty for nothing."""


def saved(path: str, what: Saved = "changes") -> Response:
    """Lead back to a page of the settings, which says that it saved."""
    return RedirectResponse(f"{path}?saved={what}", 303)


def fingerprint(values: Any) -> str:
    """A hash of the values that a form shows. The form sends it back.

    If they are others by then, another window changed them, and the form asks before it overwrites.
    """
    return hashlib.sha256(orjson.dumps(values, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
