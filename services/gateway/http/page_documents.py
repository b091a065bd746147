"""On which documents of the read models a response depends."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import Request
from starlette.types import Scope

_KEY = "page_documents"
"""The key of the set in a scope's `state`; it is there where a response may be kept."""


def with_documents(scope: Scope) -> tuple[Scope, set[str]]:
    """A scope whose route may name documents, and the set that gets them."""
    documents: set[str] = set()
    return {**scope, "state": {**scope.get("state", {}), _KEY: documents}}, documents


def depends_on(request: Request, documents: Iterable[str]) -> None:
    """Let the response be kept until one of these documents changes."""
    known: set[str] | None = request.scope.get("state", {}).get(_KEY)
    if known is not None:
        known.update(documents)
