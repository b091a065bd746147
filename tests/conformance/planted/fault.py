"""A planted fault, and how one changes code of a running service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault, and the test that finds it, in the words of `pytest -k`."""

    plant: Callable[[], None]
    found_by: str
    app: str = "comments"
    """The service that has it."""

    @property
    def name(self) -> str:
        return self.plant.__name__


def replace(owner: Any, name: str, replacement: Any) -> None:
    """Put something in the place of an attribute of a class or module."""
    setattr(owner, name, replacement)


async def nothing(*_: Any, **__: Any) -> None:
    """A coroutine that does nothing."""
    return
