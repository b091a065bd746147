"""Documents as a backup holds them: one JSON object a line, independent of the kind of store."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson

_OVERWRITTEN = ("journal:", "recovered:")
"""What keys begin with that services overwrite without an ETag (chassis/publishing). All others
are created once, and then changed by compare-and-swap."""

_COMPRESSION = 3
"""Most of the gain at a fraction of the processor time, which services need meanwhile."""


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """One key of the state store with what belongs to it.

    `ttl` is the seconds that it had left, not the time at which it ends: in a backup time stands
    still, so that a journal of last month is still there for consumers to catch up from.
    `first_write` is a mark of Dapr's Redis component. Without it, creating a document that exists
    would overwrite it; with it, only a write with the ETag does. Other stores need none: there it
    follows from the key (`is_created`).
    """

    key: str
    value: bytes
    ttl: int | None = None
    first_write: bool = False

    @property
    def app(self) -> str:
        """The service that owns it."""
        return self.key.partition("||")[0]

    def encode(self) -> bytes:
        """Return it as a line."""
        row: dict[str, Any] = {"key": self.key}
        try:
            row["text"] = self.value.decode()
        except UnicodeDecodeError:
            row["base64"] = base64.b64encode(self.value).decode()
        if self.ttl is not None:
            row["ttl"] = self.ttl
        if self.first_write:
            row["first_write"] = True
        return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def decode(cls, line: bytes) -> StoredDocument:
        """Return it from its line. Raises ValueError or KeyError for anything else."""
        row = orjson.loads(line)
        value = row["text"].encode() if "text" in row else base64.b64decode(row["base64"])
        return cls(row["key"], value, row.get("ttl"), row.get("first_write", False))


def is_created(key: str) -> bool:
    """Return whether services create a key once, and never overwrite it without an ETag."""
    return not key.partition("||")[2].startswith(_OVERWRITTEN)


@dataclass(frozen=True, slots=True)
class DocumentTotals:
    """How much a backup holds: documents, and bytes of their lines before compression."""

    documents: int
    size: int


def write_documents(path: Path, documents: Iterable[StoredDocument]) -> DocumentTotals:
    """Write a compressed file of documents, one at a time."""
    count = size = 0
    with gzip.open(path, "wb", _COMPRESSION) as file:
        for document in documents:
            line = document.encode()
            file.write(line)
            count, size = count + 1, size + len(line)
    return DocumentTotals(count, size)


def read_documents(file: IO[bytes]) -> Iterator[StoredDocument]:
    """Yield the documents of a compressed file, one at a time."""
    with gzip.open(file, "rb") as lines:
        for line in lines:
            yield StoredDocument.decode(line)
