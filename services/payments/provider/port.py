"""The port of a provider of card payments.

A provider keeps its own record. It performs an operation once for each key, and returns the same
result whenever the key is used again. Every provider must pass
`tests/services/payments/test_provider.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from pydantic import Field

from services.contracts.accounts import Id, Model
from services.contracts.catalog import Currency
from services.contracts.payments import Amount
from services.payments.domain.payments import ProviderResult

KEY_REUSED = "key_reused"
"""The code of the `Conflict` for a key that was used for another operation."""


@dataclass(frozen=True, slots=True)
class ProviderOperation:
    """An operation on a charge: `authorize`, `capture`, `void` or `refund` an amount.

    `charge` identifies what a card is charged for once, `key` the operation.
    """

    kind: str
    charge: str
    key: str
    amount: int
    currency: str
    card: str = ""


class Provider(Protocol):
    """A provider of card payments.

    Raises `OutcomeUnknown` or `Unavailable` if it does not answer, `Conflict` (`KEY_REUSED`), and
    any other `ServiceError` for what it does not understand.
    """

    async def submit(self, operation: ProviderOperation) -> ProviderResult:
        """Perform an operation, once for each key.

        Voiding a charge that does not exist, or is not decided yet, prevents it.
        """

    async def find(self, charge: str, key: str) -> ProviderResult | None:
        """Return the result of an operation, or None if it never arrived."""


class ProviderCallback(Model):
    """The body of a webhook: the outcome of an operation, final or not."""

    id: str = Field(max_length=200)
    charge: Id = Field(min_length=1, max_length=20, pattern=r"^\d+$")
    key: str = Field(max_length=100)
    outcome: Literal["pending", "done", "refused"]
    reason: str = Field(default="", max_length=200)
    amount: Amount
    currency: Currency
