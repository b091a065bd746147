"""On which documents of the read models a response depends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from fastapi import Request
from starlette.types import Scope

_KEY = "page_documents"
"""The key in a scope's `state`; it is there where a response may be kept."""


@dataclass(slots=True)
class PageDocuments:
    """The documents on which a response depends, and when the reading of its oldest part began."""

    oldest: float
    names: set[str] = field(default_factory=set)


def with_documents(scope: Scope, now: float) -> tuple[Scope, PageDocuments]:
    """A scope whose route may name documents, and what gets them."""
    documents = PageDocuments(now)
    return {**scope, "state": {**scope.get("state", {}), _KEY: documents}}, documents


def depends_on(request: Request, documents: Iterable[str], oldest: float | None = None) -> None:
    """Let the response be kept until one of these documents changes.

    `oldest` is when the reading of its oldest part began, if that was before the request.
    """
    known: PageDocuments | None = request.scope.get("state", {}).get(_KEY)
    if known is None:
        return
    known.names.update(documents)
    if oldest is not None:
        known.oldest = min(known.oldest, oldest)
