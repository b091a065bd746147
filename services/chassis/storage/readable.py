"""Reads documents of which some may be damaged."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TypeVar

from services.chassis.dapr.state import StateStore
from services.chassis.storage.collection import Collection
from services.chassis.storage.documents import Document

T = TypeVar("T")

log = logging.getLogger(__name__)


async def load_readable(
    state: StateStore, collection: Collection[T], ids: Sequence[str]
) -> tuple[dict[str, Document[T]], set[str]]:
    """Return the documents that exist, and the ids of those that cannot be decoded.

    For background work: one damaged document must not stop the work on all others. Each damaged
    document is logged. One state call.
    """
    keys = {collection.key(id): id for id in ids}
    docs: dict[str, Document[T]] = {}
    damaged: set[str] = set()
    for key, entry in (await state.get_many(list(keys))).items():
        try:
            doc = collection.decode(entry)
        except Exception:
            log.exception("a document cannot be decoded", extra={"key": key})
            damaged.add(keys[key])
            continue
        if doc is not None:
            docs[keys[key]] = doc
    return docs, damaged
