"""Idempotency keys: what a request makes is decided once, however often it is sent."""

from __future__ import annotations

import hashlib
from typing import TypeVar

import orjson
from pydantic import BaseModel

from services.chassis.storage.collection import Collection

T = TypeVar("T")


async def first_intent(intents: Collection[T], user: str, key: str, intent: T) -> T:
    """What a request with a key is to make: for the same user and key always the first intent.

    Without a key it is this one. One state call, and where somebody was faster two.
    """
    if not key:
        return intent
    kept = await intents.update(
        f"{user}:{digest(key)}", lambda there: there or intent, expect_absent=True
    )
    return kept or intent


def digest(key: str) -> str:
    """A key of any length and characters as part of a document's key."""
    return hashlib.sha256(key.encode()).hexdigest()


def fingerprint(request: BaseModel) -> str:
    """Tells a repeated request from another one that uses the same key."""
    body = orjson.dumps(
        request.model_dump(exclude={"idempotency_key"}), option=orjson.OPT_SORT_KEYS
    )
    return hashlib.sha256(body).hexdigest()[:32]
