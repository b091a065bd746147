"""The ledger: entries that balance, between the accounts of buyers and sellers, holds and fees.

The name of an account is `buyer:USER`, `seller:USER`, `holds` or `fees`. What a buyer is charged
stays in `holds` until it is captured or given back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

FEE_PERCENT = 3
"""The fee on what a seller keeps, rounded down to whole minor units."""

HOLDS, FEES = "holds", "fees"


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """An amount that an entry adds to an account, or takes from it."""

    account: str
    amount: int


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A journal entry, whose lines add up to zero. `step` is the payment step that it books."""

    id: str
    step: str
    lines: tuple[LedgerLine, ...]

    def __post_init__(self) -> None:
        if not self.lines or sum(line.amount for line in self.lines) != 0:
            raise ValueError(f"The entry {self.id} ({self.step}) does not balance.")


def fee(amount: int) -> int:
    """Return the fee on an amount that a seller keeps."""
    return amount * FEE_PERCENT // 100


def hold_lines(buyer: str, amount: int) -> tuple[LedgerLine, ...]:
    """The buyer is charged; the amount is held."""
    return (LedgerLine(f"buyer:{buyer}", -amount), LedgerLine(HOLDS, amount))


def release_lines(buyer: str, amount: int) -> tuple[LedgerLine, ...]:
    """What was held goes back to the buyer."""
    return (LedgerLine(HOLDS, -amount), LedgerLine(f"buyer:{buyer}", amount))


def capture_lines(seller: str, amount: int) -> tuple[LedgerLine, ...]:
    """What was held goes to the seller, without the fee."""
    return _lines((HOLDS, -amount), (f"seller:{seller}", amount - fee(amount)), (FEES, fee(amount)))


def refund_lines(buyer: str, seller: str, amount: int, kept: int) -> tuple[LedgerLine, ...]:
    """The seller, who kept `kept`, gives a part of it back; the fee shrinks to that of the rest."""
    less = fee(kept) - fee(kept - amount)
    return _lines((f"seller:{seller}", less - amount), (FEES, -less), (f"buyer:{buyer}", amount))


def totals(entries: Iterable[LedgerEntry]) -> dict[str, int]:
    """Return by how much entries change each account."""
    changes: Counter[str] = Counter()
    for entry in entries:
        for line in entry.lines:
            changes[line.account] += line.amount
    return dict(changes)


def _lines(*lines: tuple[str, int]) -> tuple[LedgerLine, ...]:
    return tuple(LedgerLine(account, amount) for account, amount in lines if amount)
