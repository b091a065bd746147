"""A test, tried on a stock that is right and on six that are not."""

from __future__ import annotations

from typing import Any

import pytest

from tools.learn.report import Work


class RightStock:
    """A stock that keeps all rules."""

    def __init__(self, pieces: int) -> None:
        self.pieces = pieces
        self.held: dict[str, int] = {}

    @property
    def available(self) -> int:
        return self.pieces - sum(self.held.values())

    def hold(self, order: str, pieces: int) -> None:
        if order in self.held:
            return
        if pieces > self.available:
            raise ValueError
        self.held[order] = pieces

    def release(self, order: str) -> None:
        self.held.pop(order, None)


class _IdleStock(RightStock):
    def hold(self, order: str, pieces: int) -> None:
        if pieces > self.available:
            raise ValueError


class _OversoldStock(RightStock):
    def hold(self, order: str, pieces: int) -> None:
        self.held.setdefault(order, pieces)


class _RepeatingStock(RightStock):
    def hold(self, order: str, pieces: int) -> None:
        if pieces > self.available and order not in self.held:
            raise ValueError
        self.held[order] = self.held.get(order, 0) + pieces


class _LateStock(RightStock):
    def hold(self, order: str, pieces: int) -> None:
        is_too_much = pieces > self.available
        self.held.setdefault(order, pieces)
        if is_too_much:
            raise ValueError


class _GreedyStock(RightStock):
    def hold(self, order: str, pieces: int) -> None:
        if order not in self.held and pieces >= self.available:
            raise ValueError
        super().hold(order, pieces)


class _GenerousStock(RightStock):
    def release(self, order: str) -> None:
        self.pieces += 0 if order in self.held else 1
        super().release(order)


WRONG = {
    "a stock that holds nothing": _IdleStock,
    "a stock that holds more than there is": _OversoldStock,
    "a stock that holds twice what is asked for twice": _RepeatingStock,
    "a stock that refuses, and holds it all the same": _LateStock,
    "a stock that never gives its last piece": _GreedyStock,
    "a stock that gives back what nobody held": _GenerousStock,
}

FINDINGS = (AssertionError, ValueError, pytest.fail.Exception)
"""What a test raises that finds something. The last one is of `pytest.raises`, and no Exception."""


async def check(work: Work) -> None:
    """Check `check_stock` of stock_rules.py."""
    test = work.module("stock_rules").check_stock
    failure = _failure(test, RightStock)
    work.require(
        "the test passes on the right stock",
        failure is None,
        expected="no error",
        seen=f"{type(failure).__name__}: {failure}",
        look="stock_rules.py: this rule is not one of `Stock`",
    )
    for what, make in WRONG.items():
        work.require(
            f"the test finds {what}",
            isinstance(_failure(test, make), FINDINGS),
            expected="AssertionError",
            seen="the test passes",
            look="stock_rules.py: which rule is not asked for?",
        )


def _failure(test: Any, make: type[RightStock]) -> BaseException | None:
    try:
        test(make)
    except (Exception, pytest.fail.Exception) as error:
        return error
    return None
