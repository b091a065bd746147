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

from services.chassis.dapr.state import ABSENT, StateEntry
from services.chassis.errors import Unavailable
from services.chassis.service import Service
from services.chassis.storage.list_head import ListHead
from services.chassis.storage.segmented_list import SegmentedLists
from services.contracts.catalog import Currency
from services.contracts.events import PAYMENT_CHANGED
from services.payments.domain import payments as rules
from services.payments.domain.payments import PaymentRecord
from services.payments.provider.charges import Charge

SHARDS = 16
MAX_ATTEMPTS = 8
"""How often a payment may change under a handler before it asks to be called again later."""

CURRENCIES: tuple[str, ...] = get_args(Currency)
_PAYMENT = TypeAdapter(PaymentRecord)
AMOUNT_COLUMN = 3
"""The column of a statement that is added up."""


class Repository:
    """The documents and lists of payments."""

    def __init__(self, service: Service) -> None:
        self.state = service.sidecar
        self.payments = service.collection(
            "payment",
            PaymentRecord,
            outbox=service.outbox(PAYMENT_CHANGED.topic).publishes(
                "payment", PAYMENT_CHANGED.name, _public_payment
            ),
        )
        self.statements = SegmentedLists(self.state, "statement", sums=AMOUNT_COLUMN)
        self.ledger = SegmentedLists(self.state, "ledger")
        self.unsettled = SegmentedLists(self.state, "unsettled")
        self.charges = service.collection("charge", Charge)

    async def balances(self, account_lists: Iterable[str]) -> dict[str, int]:
        """What is in some places, those without anything left out. One state call."""
        heads = await self.statements.heads.get_many(account_lists)
        return {account_list: head.summed for account_list, head in heads.items()}

    async def payment_and_lists(
        self, order: str, account_lists: Iterable[str]
    ) -> dict[str, StateEntry]:
        """A payment and the heads of the lists that it may be in, by key. One state call."""
        number = shard(order)
        heads = [lists.heads.key(number) for lists in (self.ledger, self.unsettled)]
        statements = [self.statements.heads.key(account_list) for account_list in account_lists]
        return await self.state.get_many([self.payments.key(order), *heads, *statements])

    def is_listed_correctly(self, payment: PaymentRecord, found: Mapping[str, StateEntry]) -> bool:
        """Whether the list of what is open agrees with a payment for certain, as it was read."""
        order = payment.order
        doc = self.unsettled.heads.decode(found.get(self.unsettled.heads.key(shard(order)), ABSENT))
        head = doc.value if doc else ListHead()
        return head.holds(order) if payment.next_open_step else not head.may_hold(order)

    async def update_unsettled(self, order: str) -> None:
        """Make the list of what is open agree with a payment, and see that it still does.

        Three state calls, four where the list changes.
        """
        for _ in range(MAX_ATTEMPTS):
            payment = await self.payments.get(order)
            is_open = payment is not None and payment.next_open_step is not None
            if is_open:
                await self.unsettled.insert(shard(order), [[order]])
            else:
                await self.unsettled.remove(shard(order), [order])
            now = await self.payments.get(order)
            if is_open == (now is not None and now.next_open_step is not None):
                return
        raise Unavailable(f"The payment of {order} keeps changing.")

    async def unsettled_heads(self) -> list[tuple[str, ListHead]]:
        """The orders of which a step is open, by shard. One state call."""
        heads = await self.unsettled.heads.get_many(map(str, range(SHARDS)))
        return list(heads.items())


def _public_payment(_: str, data: dict[str, Any]) -> dict[str, Any]:
    return rules.to_public(_PAYMENT.validate_python(data))


def shard(order: str) -> str:
    """In which of the lists that are kept in shards an order is."""
    return str(crc32(order.encode()) % SHARDS)


def account_list(account: str, currency: str, order: str) -> str:
    """Where an account's lines of an order are kept."""
    sharded = account if ":" in account else f"{account}/{shard(order)}"
    return f"{sharded}:{currency}"


def account_lists(account: str, currency: str) -> list[str]:
    """All places where an account's lines are."""
    if ":" in account:
        return [f"{account}:{currency}"]
    return [f"{account}/{number}:{currency}" for number in range(SHARDS)]
