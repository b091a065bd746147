"""Takes orders. A client sends a key with each one, and the same key when it repeats a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from services.chassis.dapr.state import StateStore


@dataclass(frozen=True)
class Order:
    """An order. A stored document, `order:ID`."""

    id: str
    buyer: str
    item: str


class Orders:
    """All orders. `new_id` makes the id of a new one."""

    def __init__(self, state: StateStore, new_id: Callable[[], str]) -> None:
        self._state = state
        self._new_id = new_id

    async def place(self, buyer: str, item: str, key: str) -> Order:
        """Place an order."""
        order = Order(self._new_id(), buyer, item)
        await self._state.compare_and_set(f"order:{order.id}", asdict(order), etag="")
        return order
