"""Which entity each route answers with, held to the strict schemas of tests/mastodon."""

from __future__ import annotations

from typing import Any


def check(method: str, path: str, body: Any) -> None:
    """Assert that an answer is what the route promises, whole and of the right types."""
