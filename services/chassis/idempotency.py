"""Idempotency keys: a repeated request creates the same thing as the first one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TypeVar

import orjson
from pydantic import BaseModel

from services.chassis.storage.collection import Collection

T = TypeVar("T")


async def first_intent(intents: Collection[T], user: str, key: str, intent: T) -> T:
    """The intent of the first request with this user and key; `intent` if this is the first.

    An empty key always gives `intent`. One state call, or two for a repeated request.
    """
    if not key:
        return intent
    kept = await intents.update(
        f"{user}:{digest(key)}", lambda stored: stored or intent, expect_absent=True
    )
    return kept or intent


def digest(key: str) -> str:
    """A hash of an idempotency key, for use in a document's id."""
    return hashlib.sha256(key.encode()).hexdigest()


def fingerprint(request: BaseModel, *, ignored: Iterable[str] = ()) -> str:
    """A hash of a request, to tell a repeat from another request with the same key.

    `ignored` are fields that a repeat may have otherwise, since not the client fills them in.
    """
    body = orjson.dumps(
        request.model_dump(exclude={"idempotency_key", *ignored}), option=orjson.OPT_SORT_KEYS
    )
    return hashlib.sha256(body).hexdigest()[:32]
