"""Payments, balances and the ledger. Money is a whole number of minor units; see `catalog`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from services.contracts import limits
from services.contracts.accounts import Id, Model, examples
from services.contracts.catalog import Currency
from services.contracts.texts import Line

Amount = Annotated[int, Field(ge=1, le=limits.MAX_PAYMENT, strict=True)]
PaymentState = Literal["pending", "authorized", "declined", "captured", "refunded", "voided"]


class Payment(Model):
    """The payment of an order. Event `payment.changed` on `payments`.

    `pending`: the outcome of the authorization is not known yet. `captured` is the amount taken
    from the buyer, `refunded` the amount returned, `refunds` its parts by key. The state `refunded`
    means that all of it was returned. `fee` is the seller's fee for the rest. `waiting` is the step
    with a still unknown outcome (`authorize`, `capture`, `void`, `refund:…`) or empty; the service
    repeats that step by itself. `reason` says why the last refused step was refused. A payment that
    was voided before its authorization has only its state.
    """

    model_config = examples(
        {
            "order": "116548290000001537",
            "buyer": "116548270000002561",
            "seller": "116548270000001537",
            "state": "captured",
            "amount": 4_900,
            "currency": "EUR",
            "captured": 4_900,
            "refunded": 0,
            "refunds": {},
            "fee": 147,
            "waiting": "",
            "reason": "",
        }
    )

    order: Id
    buyer: Id = ""
    seller: Id = ""
    state: PaymentState
    amount: int = 0
    currency: Currency | None = None
    captured: int = 0
    refunded: int = 0
    refunds: dict[str, int] = Field(default_factory=dict)
    fee: int = 0
    waiting: str = ""
    reason: Line = ""


class NewPayment(Model):
    """The amount of an order, its buyer and seller, and the card as the provider's token."""

    model_config = examples(
        {
            "buyer": "116548270000002561",
            "seller": "116548270000001537",
            "amount": 4_900,
            "currency": "EUR",
            "card": "tok_ok",
        }
    )

    buyer: Id = Field(min_length=1, max_length=20, pattern=r"^\d+$")
    seller: Id = Field(min_length=1, max_length=20, pattern=r"^\d+$")
    amount: Amount
    currency: Currency
    card: str = Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_]+$")


class NewRefund(Model):
    """The amount to refund; without it, all that remains.

    Each `key` is one refund, however often it is requested.
    """

    model_config = examples({}, {"amount": 1_000, "currency": "EUR", "key": "damaged"})

    amount: Amount | None = None
    currency: Currency | None = None
    key: str = Field(default="all", min_length=1, max_length=40, pattern=r"^[A-Za-z0-9_-]+$")


class Balance(Model):
    """The balance of a user in a currency: as a seller, or as a buyer the amount spent."""

    model_config = examples({"account": "seller", "currency": "EUR", "balance": 4_753})

    account: Literal["buyer", "seller"]
    currency: Currency
    balance: int


class StatementLine(Model):
    """One change of a balance, with its order and step."""

    id: Id
    order: Id
    step: str
    amount: int
    created_at: str


class Statement(Model):
    """A page of the statement of an account, newest first."""

    model_config = examples(
        {
            "balance": 4_753,
            "lines": [
                {
                    "id": "116548280000001537",
                    "order": "116548290000001537",
                    "step": "capture",
                    "amount": 4_753,
                    "created_at": "2026-05-10T05:14:04.087Z",
                }
            ],
        }
    )

    balance: int
    lines: list[StatementLine]


class LedgerPage(Model):
    """The totals of a part of the ledger. In a correct ledger `sums` are 0 and `faults` is empty.

    `accounts` is the change of each account by this part. `next` is the cursor of the next part.
    """

    model_config = examples(
        {
            "payments": 1,
            "entries": 2,
            "sums": {"EUR": 0},
            "accounts": {
                "buyer:116548270000002561:EUR": -4_900,
                "seller:116548270000001537:EUR": 4_753,
                "fees/3:EUR": 147,
                "holds/3:EUR": 0,
            },
            "faults": [],
            "next": "4:",
        }
    )

    payments: int
    entries: int
    sums: dict[str, int]
    accounts: dict[str, int]
    faults: list[str]
    next: str = ""
