"""Carts and orders. Money is an integer number of minor units; see `contracts.catalog`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from services.contracts import limits
from services.contracts.accounts import Id, Model, examples
from services.contracts.catalog import (
    ITEM,
    QUOTE_LINE,
    SHOP,
    Currency,
    Pieces,
    QuoteItem,
    QuoteLine,
)
from services.contracts.posts import Attachment
from services.contracts.texts import Line

OrderState = Literal[
    "placed",
    "waiting",
    "paying",
    "ending",
    "refunding",
    "completed",
    "cancelled",
    "declined",
    "failed",
    "refunded",
]
"""`placed`: its pieces are being reserved. `waiting`: for the payment provider. `paying`: it can no
longer be cancelled. `ending`: the reservation and the authorization are being undone. The last five
states are final, except that a completed order can be refunded."""

OrderStep = Literal[
    "placed",
    "reserved",
    "payment_pending",
    "authorized",
    "confirmed",
    "capturing",
    "completed",
    "price_changed",
    "not_available",
    "declined",
    "cancel_requested",
    "gave_up",
    "voided",
    "released",
    "cancelled",
    "failed",
    "refund_requested",
    "refund_refused",
    "restocked",
    "refunded",
]


_CART_LINE = QUOTE_LINE | {"added_price": 2200}
_ORDER: dict[str, Any] = {
    "id": "116548290000001537",
    "buyer": "116548270000002561",
    "seller": SHOP["owner"],
    "shop": SHOP["id"],
    "lines": [ITEM | {"title": "Mug", "name": "blue", "price": 2400, "picture": None}],
    "total": 4_800,
    "currency": "EUR",
    "state": "completed",
    "reason": "",
    "paid": True,
    "history": [
        {"what": "placed", "at": "2026-05-10T06:40:02.118Z", "why": ""},
        {"what": "reserved", "at": "2026-05-10T06:40:02.151Z", "why": ""},
        {"what": "authorized", "at": "2026-05-10T06:40:02.188Z", "why": ""},
        {"what": "confirmed", "at": "2026-05-10T06:40:02.214Z", "why": ""},
        {"what": "capturing", "at": "2026-05-10T06:40:02.214Z", "why": ""},
        {"what": "completed", "at": "2026-05-10T06:40:02.262Z", "why": ""},
    ],
    "created_at": "2026-05-10T06:40:02.118Z",
    "version": 3,
}


class CartLine(QuoteLine):
    """An item of a cart with its current price. `added_price` is what it was when it was added."""

    model_config = examples(_CART_LINE)

    added_price: int | None = None


class Cart(Model):
    """The cart of the caller with current prices. All items are from one shop.

    `gone` are items that are no longer sold; they do not count. `revision` grows with every change.
    """

    model_config = examples(
        {
            "lines": [_CART_LINE],
            "gone": [],
            "shop": SHOP["id"],
            "seller": SHOP["owner"],
            "total": 4_800,
            "currency": "EUR",
            "revision": 3,
        }
    )

    lines: list[CartLine] = Field(default_factory=list)
    gone: list[QuoteItem] = Field(default_factory=list)
    shop: Id | None = None
    seller: Id | None = None
    total: int = 0
    currency: Currency | None = None
    revision: int = 0


class NewCart(Model):
    """The new contents of a cart."""

    model_config = examples({"items": [ITEM]}, {"items": []})

    items: list[QuoteItem] = Field(max_length=limits.MAX_LINES)


class CartQuantity(Model):
    """The new quantity of an item in a cart."""

    model_config = examples({"quantity": 3})

    quantity: Pieces


class NewCheckout(Model):
    """An order of what is in the caller's cart.

    `expected_total` and `currency` are what the buyer was shown; no other amount is charged. A
    repeated `idempotency_key` gives the same order. `card` is the provider's token.
    """

    model_config = examples(
        {
            "idempotency_key": "3f2c7a4e-checkout",
            "card": "tok_ok",
            "expected_total": 4_800,
            "currency": "EUR",
        }
    )

    idempotency_key: str = Field(min_length=1, max_length=200)
    card: str = Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_]+$")
    expected_total: int = Field(ge=0, le=limits.MAX_PAYMENT, strict=True)
    currency: Currency


class OrderLine(Model):
    """An ordered item, with its names and its price for one piece at that time."""

    product: Id
    variant: Id
    title: Line
    name: Line
    quantity: int
    price: int
    picture: Attachment | None = None


class OrderEntry(Model):
    """A step in the history of an order. `why` is an explanation for people, or empty."""

    what: OrderStep
    at: str
    why: Line = ""


class Order(Model):
    """An order, for its buyer and its seller. Event `order.changed` on `orders`.

    `history` are all its steps, oldest first. `reason` says why it failed, or why it cannot go on
    now. `paid`: the buyer's money was taken, even if it was returned later.
    """

    model_config = examples(_ORDER)

    id: Id
    buyer: Id
    seller: Id
    shop: Id
    lines: list[OrderLine]
    total: int
    currency: Currency
    state: OrderState
    reason: Line = ""
    paid: bool = False
    history: list[OrderEntry]
    created_at: str
    version: int = 1


class OrderList(Model):
    """A page of orders, newest first. `last` is the cursor of the next page; empty at the end."""

    model_config = examples({"orders": [_ORDER], "last": ""})

    orders: list[Order]
    last: Id = ""


class OpenWorkflow(Model):
    """The workflow of an order that is not final, and what happened to the order.

    `state` is that of the order, `status` that of the workflow, which orders may share: `absent` if
    the engine has none (the watchdog starts it again), or another process started a shared one;
    `unknown` if the engine does not answer.
    """

    id: Line
    name: Literal["checkout", "refund"]
    order: Id
    state: OrderState
    status: Literal["running", "completed", "failed", "terminated", "absent", "unknown"]
    why: Line = ""
    history: list[OrderEntry]


class WorkflowList(Model):
    """The workflows of open orders, newest first. `more`: there are more than are listed."""

    model_config = examples({"workflows": [], "more": False})

    workflows: list[OpenWorkflow]
    more: bool


class RebuildResponse(Model):
    """The result of rebuilding a part of the read models. `next` is the cursor of the next part."""

    model_config = examples({"orders": 1200, "mended": 0})

    orders: int
    mended: int
    next: str = ""
