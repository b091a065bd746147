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
    assert stock.available == 1, "what is held is not available"
    stock.hold("a", 2)
    assert stock.available == 1, "to hold twice is to hold once"
    assert _is_refused(stock, "b", 2), "nobody holds more than there is"
    assert stock.available == 1, "what was refused changes nothing"
    stock.hold("b", 1)
    assert stock.available == 0, "the last piece can be held"
    stock.release("c")
    assert stock.available == 0, "who holds nothing gives nothing back"
    stock.release("a")
    assert stock.available == 2, "what was held is given back"
    stock.release("a")
    assert stock.available == 2, "and only once"


def _is_refused(stock: Stock, order: str, pieces: int) -> bool:
    try:
        stock.hold(order, pieces)
    except ValueError:
        return True
    return False
