"""JSON from clients."""

from __future__ import annotations

from typing import Any

import orjson

MAX_VALUES = 30_000
"""Values in one document. The longest text may have as many commas, which count too."""


def parse_json(raw: bytes) -> Any:
    """The value. Raises `ValueError` for what is not JSON, or has too many values.

    Objects and lists are what takes time and memory: an empty list is two bytes, and 60 in memory.
    """
    if has_too_many_values(raw):
        raise ValueError("The document has too many values.")
    return orjson.loads(raw)


def has_too_many_values(raw: bytes) -> bool:
    """Whether a document may have more than `MAX_VALUES` values, without parsing it."""
    return raw.count(b",") + raw.count(b"[") + raw.count(b"{") > MAX_VALUES
