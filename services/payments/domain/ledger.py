"""The ledger: entries that balance, between accounts of buyers and sellers, holds and fees.

An account's name is `buyer:USER`, `seller:USER`, `holds` or `fees`. What is charged to a buyer
lies in `holds` until it is captured or given back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

FEE_PERCENT = 3
"""What the place takes of what a seller keeps; rounded down to whole minor units."""

HOLDS, FEES = "holds", "fees"


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """What an entry adds to an account, or takes."""

    account: str
    amount: int


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One entry of the journal: its lines add up to nothing. `step` is what it is for."""

    id: str
    step: str
    lines: tuple[LedgerLine, ...]

    def __post_init__(self) -> None:
        if not self.lines or sum(line.amount for line in self.lines) != 0:
            raise ValueError(f"The entry {self.id} ({self.step}) does not balance.")


def fee(amount: int) -> int:
    """What the place takes of an amount that a seller keeps."""
    return amount * FEE_PERCENT // 100


def hold_lines(buyer: str, amount: int) -> tuple[LedgerLine, ...]:
    """The buyer is charged, and nobody has it yet."""
    return (LedgerLine(f"buyer:{buyer}", -amount), LedgerLine(HOLDS, amount))


def release_lines(buyer: str, amount: int) -> tuple[LedgerLine, ...]:
    """What was held is the buyer's again."""
    return (LedgerLine(HOLDS, -amount), LedgerLine(f"buyer:{buyer}", amount))


def capture_lines(seller: str, amount: int) -> tuple[LedgerLine, ...]:
    """What was held is the seller's, but for the fee."""
    return _lines((HOLDS, -amount), (f"seller:{seller}", amount - fee(amount)), (FEES, fee(amount)))


def refund_lines(buyer: str, seller: str, amount: int, kept: int) -> tuple[LedgerLine, ...]:
    """The seller, who had `kept`, gives back a part of it; the fee becomes that of the rest."""
    less = fee(kept) - fee(kept - amount)
    return _lines((f"seller:{seller}", less - amount), (FEES, -less), (f"buyer:{buyer}", amount))


def totals(entries: Iterable[LedgerEntry]) -> dict[str, int]:
    """What some entries change of each account."""
    changes: Counter[str] = Counter()
    for entry in entries:
        for line in entry.lines:
            changes[line.account] += line.amount
    return dict(changes)


def _lines(*lines: tuple[str, int]) -> tuple[LedgerLine, ...]:
    return tuple(LedgerLine(account, amount) for account, amount in lines if amount)
