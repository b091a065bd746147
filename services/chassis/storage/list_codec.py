"""How heads and segments of long lists are stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from services.chassis.storage.list_head import (
    ListHead,
    SegmentRef,
)
from services.chassis.storage.window import Row


@dataclass(frozen=True, slots=True)
class Segment:
    """The document that is a full segment: rows, or spans as rows."""

    rows: list[Row]


class HeadCodec:
    """Writes rows as text.

    A sidecar takes a document apart and puts it together again on its way to the store: for forty
    heads with their rows as lists that takes it 6 ms of processor time, with text 3.5.
    """

    def load(self, data: Any) -> ListHead:
        spans = [SegmentRef(*row) for row in orjson.loads(data["spans"])]
        return ListHead(orjson.loads(data["recent"]), spans, data["total"], data.get("summed", 0))

    def dump(self, head: ListHead) -> Any:
        return {
            "recent": orjson.dumps(head.recent).decode(),
            "spans": orjson.dumps([span.row() for span in head.spans]).decode(),
            "total": head.total,
            **({"summed": head.summed} if head.summed else {}),
        }


class SegmentCodec:
    def load(self, data: Any) -> Segment:
        return Segment(orjson.loads(data["rows"]))

    def dump(self, segment: Segment) -> Any:
        return {"rows": orjson.dumps(segment.rows).decode()}


HEAD_CODEC = HeadCodec()


def decode_head(data: Mapping[str, Any]) -> ListHead:
    """A head from its document as JSON, as it is told to others or was read among others."""
    return HEAD_CODEC.load(data)


def decode_total(data: Mapping[str, Any]) -> int:
    """How many rows a list has, from its head as JSON: without looking at its rows."""
    total: int = data["total"]
    return total
