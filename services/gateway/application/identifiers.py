"""Identifiers from clients, checked before they stand in another service's path."""

from __future__ import annotations

from services.chassis.errors import NotFound
from services.chassis.storage.window import normalize_id


def numeric_id(id: str) -> str:
    """The normalized form of a numeric id. Raises `NotFound` for anything else."""
    if not (id.isascii() and id.isdigit() and len(id) <= 20):
        raise NotFound("Record not found")
    return normalize_id(id)


def path_segment(name: str) -> str:
    """A name that may stand in another service's path. Raises `NotFound` for any other."""
    if not name or len(name) > 100 or not all(c.isalnum() or c in "._-" for c in name):
        raise NotFound("Record not found")
    if not name.isascii() or name.strip(".") == "":
        raise NotFound("Record not found")
    return name
