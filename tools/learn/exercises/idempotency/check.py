"""Repeated orders: one after another, at once, after a failure, and with another content."""

from __future__ import annotations

import asyncio
import contextlib
from itertools import count
from typing import Any

from services.chassis.errors import Conflict, ServiceError
from tests.fakes import FakeState
from tools.learn.report import Work


async def check(work: Work) -> None:
    """Check `Orders.place` of orders.py."""
    store, ids = FakeState(), count(1)

    def replica_on(state: FakeState) -> Any:  # each has a module of its own, as a process does
        return work.module("orders").Orders(state, lambda: str(next(ids)))

    orders = replica_on(store)
    first, again = [await orders.place("ada", "camera", "k1") for _ in range(2)]
    work.require(
        "a repeated request gives the same order",
        first.id == again.id and _stored(store) == 1,
        expected="the same order twice, and one order in the store",
        seen=f"orders {first.id} and {again.id}, and {_stored(store)} in the store",
        look="orders.py, `place`: nothing reads the key",
    )
    replicas = [replica_on(store.replica()), replica_on(store.replica())]
    at_once = await asyncio.gather(*(replicas[n % 2].place("ada", "lens", "k2") for n in range(4)))
    different = sorted({order.id for order in at_once})
    work.require(
        "repeats at the same time give one order",
        len(different) == 1 and _stored(store) == 2,
        expected="one order for four requests at once, on two replicas",
        seen=f"orders {', '.join(different)}, and {_stored(store) - 1} in the store",
        look="orders.py: is the key written only if it is absent? A lock stops no other process",
    )
    other = await orders.place("ben", "camera", "k1")
    work.require(
        "keys of different buyers have nothing to do with each other",
        other.buyer == "ben" and other.id != first.id,
        expected="an order of its own for ben",
        seen=f"order {other.id} of {other.buyer}",
        look="orders.py: the name under which a key is kept",
    )
    await _require_the_rest(work, orders, store)


async def _require_the_rest(work: Work, orders: Any, store: FakeState) -> None:
    outcome, before = "no error", _stored(store)
    try:
        await orders.place("ada", "tripod", "k1")
    except ServiceError as error:
        outcome = type(error).__name__
    work.require(
        "the same key with another order is refused",
        outcome == Conflict.__name__ and _stored(store) == before,
        expected="Conflict, and no other order in the store",
        seen=f"{outcome}, and {_stored(store) - before} more orders in the store",
        look="orders.py, `place`: compare what is kept with what is asked for",
    )
    store.faults.fail("compare_and_set", nth=2)
    ids = set()
    for _ in range(3):
        with contextlib.suppress(ServiceError):
            ids.add((await orders.place("ada", "bag", "k3")).id)
    work.require(
        "a repeat finishes what a failure has left half done",
        len(ids) == 1
        and store.peek(f"order:{min(ids)}") is not None
        and _stored(store) == before + 1,
        expected="one order in the store after a failure and two repeats",
        seen=f"orders {', '.join(sorted(ids))}, and {_stored(store) - before} more in the store",
        look="orders.py: what is written first? A repeat must find it, and write what is missing",
    )


def _stored(store: FakeState) -> int:
    return len(store.keys("order:"))
