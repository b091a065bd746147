"""What payments keeps.

payment:ORDER            what was asked for an order, what came of it, and the entries booked for
                         it; others hear of it on `payments`
statement:ACCOUNT:CURRENCY   [entry, order, step, amount], an account; its sum is the balance
ledger:SHARD             [order], every order for which anything was booked
unsettled:SHARD          [order], those of which a step's outcome is to be asked for
charge:ORDER             the built-in provider's own record

The lists among these are segmented ones, made from `payment` by hearing of it (`events.py`). The
accounts that every order touches, `holds` and `fees`, are kept in shards: `holds/3`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_args
from zlib import crc32

from pydantic import TypeAdapter

from services.chassis.dapr.client import ABSENT, StateEntry
from services.chassis.errors import Unavailable
from services.chassis.service import Service
from services.chassis.storage.segmented_list import ListHead, SegmentedLists
from services.contracts.catalog import Currency
from services.contracts.events import PAYMENT_CHANGED
from services.payments.domain import payments as rules
from services.payments.domain.payments import Payment
from services.payments.provider.record import Charge

SHARDS = 16
TURNS = 8
"""How often a payment may change under a handler before it asks to be called again later."""

CURRENCIES: tuple[str, ...] = get_args(Currency)
_PAYMENT = TypeAdapter(Payment)
AMOUNT = 3
"""The column of a statement that is added up."""


class Store:
    """The documents and lists of payments."""

    def __init__(self, service: Service) -> None:
        self.state = service.sidecar
        self.payments = service.collection(
            "payment",
            Payment,
            outbox=service.outbox(PAYMENT_CHANGED.topic).publishes(
                "payment", PAYMENT_CHANGED.name, _told
            ),
        )
        self.statements = SegmentedLists(self.state, "statement", sums=AMOUNT)
        self.ledger = SegmentedLists(self.state, "ledger")
        self.unsettled = SegmentedLists(self.state, "unsettled")
        self.charges = service.collection("charge", Charge)

    async def balances(self, places: Iterable[str]) -> dict[str, int]:
        """What is in some places, those without anything left out. One state call."""
        heads = await self.statements.heads.get_many(places)
        return {place: head.summed for place, head in heads.items()}

    async def around(self, order: str, places: Iterable[str]) -> dict[str, StateEntry]:
        """A payment and the heads of the lists that it may be in, by key. One state call."""
        number = shard(order)
        heads = [lists.heads.key(number) for lists in (self.ledger, self.unsettled)]
        statements = [self.statements.heads.key(place) for place in places]
        return await self.state.get_many([self.payments.key(order), *heads, *statements])

    def is_followed(self, payment: Payment, found: Mapping[str, StateEntry]) -> bool:
        """Whether the list of what is open agrees with a payment for certain, as it was read."""
        order = payment.order
        doc = self.unsettled.heads.decode(found.get(self.unsettled.heads.key(shard(order)), ABSENT))
        head = doc.value if doc else ListHead()
        return head.holds(order) if payment.due else not head.may_hold(order)

    async def follow(self, order: str) -> None:
        """Make the list of what is open agree with a payment, and see that it still does.

        Three state calls, four where the list changes.
        """
        for _ in range(TURNS):
            payment = await self.payments.get(order)
            is_open = payment is not None and payment.due is not None
            if is_open:
                await self.unsettled.insert(shard(order), [[order]])
            else:
                await self.unsettled.remove(shard(order), [order])
            now = await self.payments.get(order)
            if is_open == (now is not None and now.due is not None):
                return
        raise Unavailable(f"The payment of {order} keeps changing.")

    async def waiting(self) -> list[tuple[str, ListHead]]:
        """The orders of which a step is open, by shard. One state call."""
        heads = await self.unsettled.heads.get_many(map(str, range(SHARDS)))
        return list(heads.items())


def _told(_: str, data: dict[str, Any]) -> dict[str, Any]:
    return rules.public(_PAYMENT.validate_python(data))


def shard(order: str) -> str:
    """In which of the lists that are kept in shards an order is."""
    return str(crc32(order.encode()) % SHARDS)


def place(account: str, currency: str, order: str) -> str:
    """Where an account's lines of an order are kept."""
    sharded = account if ":" in account else f"{account}/{shard(order)}"
    return f"{sharded}:{currency}"


def places(account: str, currency: str) -> list[str]:
    """All places where an account's lines are."""
    if ":" in account:
        return [f"{account}:{currency}"]
    return [f"{account}/{number}:{currency}" for number in range(SHARDS)]
