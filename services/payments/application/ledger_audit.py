"""Audits the ledger: it adds up to zero, and every payment has booked what its state says."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import Any

from services.chassis.errors import Invalid
from services.chassis.storage.readable import load_readable
from services.chassis.storage.window import Window, normalize_id
from services.payments.domain import ledger
from services.payments.domain.faults import find_faults, imbalance
from services.payments.repository import SHARDS, Repository, account_list

PAGE_SIZE = 100

MAX_FAULTY = 1_000
"""Faulty payments that are remembered."""

SWEEP_INTERVAL = 30.0
"""Seconds between two pages that are checked for the metrics: a small ledger takes eight minutes,
one of ten thousand payments an hour."""


class LedgerAudit:
    """Adds the ledger up page by page, so that each answer comes quickly."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self.faulty: dict[str, int] = {}
        """The orders whose payments are wrong, as far as `sweep` knows, and by how much."""
        self._cursor = ""

    async def page(self, after: str) -> dict[str, Any]:
        """Return a `contracts.payments.LedgerPage` after a cursor. Three state calls."""
        orders, following = await self._orders(after)
        payments = await self._repository.payments.get_many(orders)
        sums: Counter[str] = Counter()
        accounts: Counter[str] = Counter()
        faults: list[str] = []
        for payment in payments.values():
            currency = payment.terms.currency if payment.terms else ""
            for account, amount in ledger.totals(payment.entries).items():
                sums[currency] += amount
                accounts[account_list(account, currency, payment.order)] += amount
            faults += [f"{payment.order} {fault}" for fault in find_faults(payment)]
        return {
            "payments": len(payments),
            "entries": sum(len(payment.entries) for payment in payments.values()),
            "sums": dict(sums),
            "accounts": dict(accounts),
            "faults": faults,
            "next": following,
        }

    async def sweep(self) -> None:
        """Check the next page for the metrics, and again what was wrong. Three state calls.

        A payment that cannot be read is wrong by 0, and stops no other.
        """
        orders, following = await self._orders(self._cursor)
        docs, unreadable = await load_readable(
            self._repository.state, self._repository.payments, [*{*orders, *self.faulty}]
        )
        found = {order: imbalance(doc.value) for order, doc in docs.items()}
        wrong = dict.fromkeys(unreadable, 0) | {order: by for order, by in found.items() if by}
        self.faulty = dict(islice(wrong.items(), MAX_FAULTY))
        self._cursor = following

    async def _orders(self, after: str) -> tuple[list[str], str]:
        """The orders of the page after a cursor, and the next cursor."""
        shard, max_id = _parse_cursor(after)
        rows = await self._repository.ledger.page(str(shard), Window(PAGE_SIZE, max_id=max_id))
        last = rows[-1][0] if len(rows) == PAGE_SIZE else ""
        return [row[0] for row in rows], _next_cursor(shard, last)

    async def balances(self, names: list[str]) -> dict[str, int]:
        """Return the balances of accounts as they are stored. One state call."""
        return await self._repository.balances(names)

    async def user_balances(self, user: str, currencies: tuple[str, ...]) -> list[dict[str, Any]]:
        """Return a `contracts.payments.Balance` for each account of a user. One state call."""
        names = {
            (kind, currency): f"{kind}:{user}:{currency}"
            for kind in ("buyer", "seller")
            for currency in currencies
        }
        held = await self._repository.balances(names.values())
        return [
            {"account": kind, "currency": currency, "balance": held[name]}
            for (kind, currency), name in names.items()
            if name in held
        ]


def _parse_cursor(after: str) -> tuple[int, str]:
    shard, _, max_id = (after or "0:").partition(":")
    if not (shard.isascii() and shard.isdigit() and int(shard) < SHARDS):
        raise Invalid("This is not a cursor of the ledger.")
    return int(shard), normalize_id(max_id) if max_id else ""


def _next_cursor(shard: int, last: str) -> str:
    if last:
        return f"{shard}:{last}"
    return f"{shard + 1}:" if shard + 1 < SHARDS else ""
