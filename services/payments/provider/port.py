"""What payments asks of a provider of card payments, and what that may say.

A provider keeps its own record. Whatever it is asked under a key it does once, and says the same
whenever it is asked under that key again. `tests/services/payments/test_provider.py` is what every
provider must pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from pydantic import Field

from services.contracts.accounts import Id, Model
from services.contracts.catalog import Currency
from services.contracts.payments import Amount
from services.payments.domain.payments import ProviderResult


@dataclass(frozen=True, slots=True)
class ProviderOperation:
    """One thing to be done with a charge: `authorize`, `capture`, `void` or `refund` an amount.

    `charge` is our name for what a card is charged once, `key` that of the operation.
    """

    kind: str
    charge: str
    key: str
    amount: int
    currency: str
    card: str = ""


class Provider(Protocol):
    """A provider of card payments.

    Raises `OutcomeUnknown` or `Unavailable` where it does not answer, and any other `ServiceError`
    for what it does not understand.
    """

    async def submit(self, operation: ProviderOperation) -> ProviderResult:
        """Have something done, once for each key.

        Voiding a charge that is not there, or not decided yet, prevents it.
        """

    async def find(self, charge: str, key: str) -> ProviderResult | None:
        """What became of an operation; None where it never arrived."""


class ProviderCallback(Model):
    """What a provider tells by webhook: the outcome of an operation, final or not."""

    id: str = Field(max_length=200)
    charge: Id = Field(min_length=1, max_length=20, pattern=r"^\d+$")
    key: str = Field(max_length=100)
    outcome: Literal["pending", "done", "refused"]
    reason: str = Field(default="", max_length=200)
    amount: Amount
    currency: Currency
