"""Payments, balances and the ledger. Money is a whole number of minor units; see `catalog`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from services.contracts import limits
from services.contracts.accounts import Id, Model, examples
from services.contracts.catalog import Currency

Amount = Annotated[int, Field(ge=1, le=limits.PAYMENT, strict=True)]
PaymentState = Literal["pending", "authorized", "declined", "captured", "refunded", "voided"]


class Payment(Model):
    """What was paid for an order. Event `payment.changed` on `payments`.

    `pending`: nobody knows yet whether the card is good. `captured` is what was taken from the
    buyer, `refunded` how much of it was given back, `refunds` in which parts, by their keys;
    `refunded` is also the state when that is all of it. `fee` is what the seller pays of what
    remains. `waiting` is the step whose outcome is not known yet (`authorize`, `capture`, `void`,
    `refund:…`), empty where there is none; it is asked for again by itself. `reason` says why the
    last step that was refused was so. Of an order that was voided before it was authorised, nothing
    but that is known.
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
    reason: str = ""


class NewPayment(Model):
    """What an order costs whom, and the card that is to pay it, as the provider's token."""

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
    """How much to give back: all that is left, if nothing is said.

    Each `key` is one refund, however often it is asked for.
    """

    model_config = examples({}, {"amount": 1_000, "currency": "EUR", "key": "damaged"})

    amount: Amount | None = None
    currency: Currency | None = None
    key: str = Field(default="all", min_length=1, max_length=40, pattern=r"^[A-Za-z0-9_-]+$")


class Balance(Model):
    """What somebody has, as a buyer or as a seller, in a currency. A buyer's is what they spent."""

    model_config = examples({"account": "seller", "currency": "EUR", "balance": 4_753})

    account: Literal["buyer", "seller"]
    currency: Currency
    balance: int


class StatementLine(Model):
    """One change of a balance: for which order, by which step."""

    id: Id
    order: Id
    step: str
    amount: int
    created_at: str


class Statement(Model):
    """A page of an account, newest first."""

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
    """A part of the ledger, added up. `sums` are zero, and `faults` empty, or something is wrong.

    `accounts` is what this part changes of each account. `next` leads to the next part.
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
