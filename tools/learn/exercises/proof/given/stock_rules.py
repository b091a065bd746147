"""The rules of a stock, as a test of any class that claims to be one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Stock(Protocol):
    """How many pieces there are, and which orders hold some of them."""

    @property
    def available(self) -> int:
        """How many pieces no order holds."""
        ...

    def hold(self, order: str, pieces: int) -> None:
        """Hold pieces for an order, once. Raises ValueError if there are not enough."""
        ...

    def release(self, order: str) -> None:
        """Give back what an order holds, if it holds something."""
        ...


def check_stock(make: Callable[[int], Stock]) -> None:
    """Raise AssertionError if a stock breaks a rule. `make(3)` gives one with three pieces."""
    stock = make(3)
    assert stock.available == 3
    stock.hold("a", 2)
    stock.release("a")
    assert stock.available == 3
