"""The documents and lists of payments.

payment:ORDER            the payment of an order: its steps, outcomes and ledger entries; published
                         on `payments`
statement:ACCOUNT:CURRENCY   [entry, order, step, amount], an account; the sum is its balance
ledger:SHARD             [order], every order with ledger entries
unsettled:SHARD          [order], those with a step whose outcome is not known
charge:ORDER             the sandbox provider's own record

The lists are segmented lists, projected from `payment` (`application/projections.py`). The
accounts that every order changes, `holds` and `fees`, are sharded: `holds/3`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import get_args
from zlib import crc32

from services.chassis.converge import converge
from services.chassis.dapr.state import ABSENT, StateEntry
from services.chassis.service import Service
from services.chassis.storage.list_head import ListHead
from services.contracts.catalog import Currency
from services.contracts.events import PAYMENT_CHANGED
from services.payments.domain.payments import PaymentRecord, to_public
from services.payments.provider.charges import Charge

SHARDS = 16
CURRENCIES: tuple[str, ...] = get_args(Currency)
AMOUNT_COLUMN = 3
"""The column of a statement that is added up."""


class Repository:
    """The documents and lists of payments."""

    def __init__(self, service: Service) -> None:
        self.state = service.sidecar
        self.payments = service.collection(
            "payment",
            PaymentRecord,
            publishes=PAYMENT_CHANGED,
            to_event=lambda _, data: to_public(self.payments.decode_value(data)),
        )
        self.statements = service.lists("statement", sum_column=AMOUNT_COLUMN)
        self.ledger = service.lists("ledger")
        self.unsettled = service.lists("unsettled")
        self.charges = service.collection("charge", Charge)

    async def balances(self, accounts: Iterable[str]) -> dict[str, int]:
        """Return the balances of accounts, without those that do not exist. One state call."""
        heads = await self.statements.heads.get_many(accounts)
        return {account: head.summed for account, head in heads.items()}

    async def payment_and_unsettled(self, order: str) -> dict[str, StateEntry]:
        """Return a payment and the head of its list of unsettled orders, by key. One state call."""
        return await self.state.get_many(
            [self.payments.key(order), self.unsettled.heads.key(shard(order))]
        )

    def is_listed_correctly(self, payment: PaymentRecord, found: Mapping[str, StateEntry]) -> bool:
        """Whether the list of unsettled orders surely matches a payment, as it was read."""
        order = payment.order
        doc = self.unsettled.heads.decode(found.get(self.unsettled.heads.key(shard(order)), ABSENT))
        head = doc.value if doc else ListHead()
        return head.holds(order) if payment.next_open_step else not head.may_hold(order)

    async def update_unsettled(self, order: str) -> None:
        """Update the list of unsettled orders to match a payment.

        Three state calls, four if the list changes.
        """

        async def is_unsettled() -> bool:
            payment = await self.payments.get(order)
            return payment is not None and payment.next_open_step is not None

        async def list_if(unsettled: bool) -> None:
            if unsettled:
                await self.unsettled.insert(shard(order), [[order]])
            else:
                await self.unsettled.remove(shard(order), [order])

        await converge(is_unsettled, list_if, what=f"The payment of {order}")

    async def unsettled_heads(self) -> list[ListHead]:
        """Return the heads of the lists of unsettled orders. One state call."""
        heads = await self.unsettled.heads.get_many(map(str, range(SHARDS)))
        return list(heads.values())


def shard(order: str) -> str:
    """Return the shard of an order."""
    return str(crc32(order.encode()) % SHARDS)


def account_list(account: str, currency: str, order: str) -> str:
    """Return the list that contains an account's lines of an order."""
    sharded = account if ":" in account else f"{account}/{shard(order)}"
    return f"{sharded}:{currency}"


def account_lists(account: str, currency: str) -> list[str]:
    """Return all lists that contain lines of an account."""
    if ":" in account:
        return [f"{account}:{currency}"]
    return [f"{account}/{number}:{currency}" for number in range(SHARDS)]
