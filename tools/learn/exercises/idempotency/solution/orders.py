"""Takes orders. A client sends a key with each one, and the same key when it repeats a request."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import asdict, dataclass

from services.chassis.dapr.state import StateStore, VersionConflict
from services.chassis.errors import Conflict


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
        """Place an order, once for each key. Raises `Conflict` for another order with it."""
        order = await self._first_intent(key, Order(self._new_id(), buyer, item))
        if order.item != item:
            raise Conflict("This key was sent with another order.")
        with contextlib.suppress(VersionConflict):  # an earlier request has written it
            await self._state.compare_and_set(f"order:{order.id}", asdict(order), etag="")
        return order

    async def _first_intent(self, key: str, order: Order) -> Order:
        """Return the order of the first request with this key."""
        name = f"key:{order.buyer}:{key}"
        try:
            await self._state.compare_and_set(name, asdict(order), etag="")
        except VersionConflict:
            return Order(**(await self._state.get(name)).value)
        return order
