"""Identifiers in the path of a request, checked so that they cannot lead to another route."""

from __future__ import annotations

from urllib.parse import quote

from services.chassis.errors import NotFound
from services.chassis.ids import is_id
from services.chassis.storage.window import normalize_id


def numeric_id(id: str) -> str:
    """The normalized form of a numeric id. Raises `NotFound` for anything else."""
    if not is_id(id):
        raise NotFound("Record not found")
    return normalize_id(id)


def path_segment(name: str) -> str:
    """A name of ASCII letters, digits and `._-`. Raises `NotFound` for any other."""
    if not name or len(name) > 100 or not all(c.isalnum() or c in "._-" for c in name):
        raise NotFound("Record not found")
    if not name.isascii() or name.strip(".") == "":
        raise NotFound("Record not found")
    return name


def quoted(name: str) -> str:
    """Any text as one segment of a path."""
    return quote(name, safe="")
