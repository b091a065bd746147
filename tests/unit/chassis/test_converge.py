from __future__ import annotations

import pytest

from services.chassis.converge import converge
from services.chassis.errors import Unavailable


class Changing:
    """A document that changes some times while it is applied, and the applied states."""

    def __init__(self, changes: int, state: int | None = 0) -> None:
        self.state = state
        self.changes = changes
        self.applied: list[int] = []

    async def read(self) -> int | None:
        return self.state

    async def apply(self, state: int) -> None:
        self.applied.append(state)
        if self.changes:
            self.changes -= 1
            self.state = state + 1


async def test_a_state_that_does_not_change_is_applied_once() -> None:
    document = Changing(0)
    assert await converge(document.read, document.apply, what="it") == 0
    assert document.applied == [0]


async def test_the_newest_state_is_applied_last() -> None:
    document = Changing(3)
    assert await converge(document.read, document.apply, what="it") == 3
    assert document.applied == [0, 1, 2, 3]


async def test_a_missing_state_is_not_applied() -> None:
    document = Changing(0, state=None)
    assert await converge(document.read, document.apply, what="it") is None
    assert document.applied == []


async def test_a_state_that_keeps_changing_is_left_for_a_retry() -> None:
    document = Changing(100)
    with pytest.raises(Unavailable, match="The post 7 keeps changing"):
        await converge(document.read, document.apply, what="The post 7", max_attempts=5)
    assert document.applied == [0, 1, 2, 3, 4]
