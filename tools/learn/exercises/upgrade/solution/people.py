"""Keeps people. The first release had one field, `name`; this one has two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.chassis.dapr.state import StateStore
from services.chassis.storage.collection import Collection


@dataclass(frozen=True)
class Person:
    """A person. A stored document, `person:ID`. `last` is the last word of a name."""

    first: str
    last: str


def create_people(state: StateStore) -> Collection[Person]:
    """Return the documents of all people."""
    return Collection(state, "person", Person, upgrades={1: _with_two_names})


def _with_two_names(data: dict[str, Any]) -> dict[str, Any]:
    first, _, last = data["name"].rpartition(" ")
    return {"first": first, "last": last}
