"""The shop: what people sell, and how much of it is left.

Money is a whole number of a currency's minor units, such as cents: never a fraction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import Field

from services.contracts import limits
from services.contracts.accounts import Id, Model
from services.contracts.posts import Attachment

Currency = Literal[
    "AUD", "CAD", "CHF", "CZK", "DKK", "EUR", "GBP", "JPY", "KWD", "NOK", "PLN", "SEK", "USD"
]
"""ISO 4217."""

EXPONENTS: Mapping[str, int] = {**dict.fromkeys(get_args(Currency), 2), "JPY": 0, "KWD": 3}
"""How many decimal places a currency's minor unit stands for (ISO 4217)."""

Price = Annotated[int, Field(ge=0, le=limits.PRICE, strict=True)]
Pieces = Annotated[int, Field(ge=1, le=limits.PIECES, strict=True)]
"""How many of something are wanted."""


class Shop(Model):
    """A shop as its owner made it. Event `shop.changed` on `shops`.

    `archived`: its owner closed it, and may open it again. `deleted` is the tombstone: name and
    description are blank then.
    """

    id: Id
    owner: Id
    name: str = ""
    description: str = ""
    currency: Currency
    created_at: str
    edited_at: str | None = None
    archived: bool = False
    deleted: bool = False


class Variant(Model):
    """One way in which a product is sold; its price is in the product's currency."""

    id: Id
    name: str = ""
    price: Price


class Product(Model):
    """What somebody sells. Event `product.changed` on `products`.

    `seller` owns the shop. `archived`: it cannot be bought and is shown to its seller alone, who
    may bring it back. `deleted` is the tombstone: texts, pictures and variants are blank then.
    """

    id: Id
    shop: Id
    seller: Id
    title: str = ""
    description: str = ""
    pictures: list[Attachment] = Field(default_factory=list)
    currency: Currency
    variants: list[Variant] = Field(default_factory=list)
    created_at: str
    edited_at: str | None = None
    archived: bool = False
    deleted: bool = False


class ShopView(Model):
    """A shop. `version` grows with every change; who changes it says which they have seen."""

    shop: Shop
    version: int = 1


class ProductView(Model):
    """A product. `version` as a shop's; `available` are the pieces left of each variant.

    `available` is `None` where it was not asked for.
    """

    product: Product
    version: int = 1
    available: dict[Id, int] | None = None


class ShopList(Model):
    """A page of shops, newest first. `last` is the id it reaches to; empty at the end."""

    shops: list[ShopView]
    last: Id = ""


class ProductList(Model):
    """A page of products, newest first. `last` is the id it reaches to; empty at the end.

    Of a search it may have fewer products than were asked for, also none, before the end.
    """

    products: list[ProductView]
    last: Id = ""


class CardsAsked(Model):
    """The products that some posts show."""

    ids: list[Id] = Field(max_length=limits.CARDS)


class NewShop(Model):
    """A shop that somebody wants to open."""

    name: str = Field(max_length=1_000)
    description: str = Field(default="", max_length=limits.TYPED)
    currency: Currency
    idempotency_key: str = Field(default="", max_length=200)


class EditedShop(Model):
    """What somebody wants a shop to be; `None` leaves a part as it is."""

    name: str | None = Field(default=None, max_length=1_000)
    description: str | None = Field(default=None, max_length=limits.TYPED)
    archived: bool | None = None


class NewVariant(Model):
    """A variant of a new product, and how many pieces of it there are."""

    name: str = Field(default="", max_length=1_000)
    price: Price
    stock: int = Field(default=0, ge=0, le=limits.STOCK, strict=True)


class EditedVariant(Model):
    """A variant of an edited product: with its id one that is there, without a new one."""

    id: Id | None = Field(default=None, max_length=20)
    name: str = Field(default="", max_length=1_000)
    price: Price


class NewProduct(Model):
    """What somebody wants to sell; its currency is the shop's."""

    shop: Id = Field(max_length=20)
    title: str = Field(max_length=1_000)
    description: str = Field(default="", max_length=limits.TYPED)
    media_ids: list[Id] = Field(default_factory=list, max_length=40)
    variants: list[NewVariant] = Field(min_length=1, max_length=100)
    idempotency_key: str = Field(default="", max_length=200)


class EditedProduct(Model):
    """What somebody wants a product to be; `None` leaves a part as it is."""

    title: str | None = Field(default=None, max_length=1_000)
    description: str | None = Field(default=None, max_length=limits.TYPED)
    media_ids: list[Id] | None = Field(default=None, max_length=40)
    variants: list[EditedVariant] | None = Field(default=None, min_length=1, max_length=100)
    archived: bool | None = None


class Stock(Model):
    """How much there is of a variant: `on_hand` pieces, some of which are `held` for orders.

    `revision` grows whenever `on_hand` changes.
    """

    variant: Id
    on_hand: int
    held: int
    available: int
    revision: int


class StockChange(Model):
    """Either how many pieces there are (`on_hand`), or how many more or fewer (`delta`).

    `revision` is the one on which it builds; without it, and without `If-Match`, `on_hand` is
    refused. The same `idempotency_key` changes the same stock once.
    """

    on_hand: int | None = Field(default=None, ge=0, le=limits.STOCK, strict=True)
    delta: int | None = Field(default=None, ge=-limits.STOCK, le=limits.STOCK, strict=True)
    revision: int | None = Field(default=None, ge=0)
    idempotency_key: str = Field(default="", max_length=200)


class QuoteItem(Model):
    """What somebody would like to buy."""

    product: Id = Field(max_length=20)
    variant: Id = Field(max_length=20)
    quantity: Pieces = 1


class QuoteRequest(Model):
    """What somebody would like to buy together."""

    items: list[QuoteItem] = Field(min_length=1, max_length=limits.LINES)


class QuoteLine(Model):
    """What one of them costs now. `price` is of one piece; `available` says how many are left."""

    product: Id
    variant: Id
    title: str
    name: str
    quantity: int
    price: int
    currency: Currency
    available: int
    shop: Id
    seller: Id
    picture: Attachment | None = None


class Quote(Model):
    """What it all costs now, in the order in which it was asked for."""

    lines: list[QuoteLine]


class ReservedItem(Model):
    """Pieces of a variant that are held for an order."""

    variant: Id = Field(min_length=1, max_length=20, pattern=r"^\d+$")
    quantity: Pieces


class AgreedPrice(Model):
    """What a buyer was shown that one piece costs."""

    product: Id = Field(min_length=1, max_length=20, pattern=r"^\d+$")
    variant: Id = Field(min_length=1, max_length=20, pattern=r"^\d+$")
    price: Price
    currency: Currency


class NewReservation(Model):
    """What is to be held for an order, all of it or nothing, and for how long.

    Nothing is held where one of the `agreed` prices is another by now, or its product not sold.
    """

    order: Id = Field(min_length=1, max_length=20, pattern=r"^\d+$")
    items: list[ReservedItem] = Field(min_length=1, max_length=limits.LINES)
    agreed: list[AgreedPrice] = Field(default_factory=list, max_length=limits.LINES)
    seconds: int = Field(ge=1, le=limits.RESERVED_SECONDS)


ReservationState = Literal[
    "pending",
    "reserved",
    "confirmed",
    "refused",
    "released",
    "expired",
    "restocking",
    "restocked",
]


class Reservation(Model):
    """What is held for an order, or was; `missing` are the variants that were out of stock."""

    order: Id
    state: ReservationState
    items: list[ReservedItem] = Field(default_factory=list)
    expires_at: str | None = None
    missing: list[Id] = Field(default_factory=list)


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

    buyer: Id = Field(min_length=1, max_length=20, pattern=r"^\d+$")
    seller: Id = Field(min_length=1, max_length=20, pattern=r"^\d+$")
    amount: Amount
    currency: Currency
    card: str = Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_]+$")


class NewRefund(Model):
    """How much to give back: all that is left, if nothing is said.

    Each `key` is one refund, however often it is asked for.
    """

    amount: Amount | None = None
    currency: Currency | None = None
    key: str = Field(default="all", min_length=1, max_length=40, pattern=r"^[A-Za-z0-9_-]+$")


class Balance(Model):
    """What somebody has, as a buyer or as a seller, in a currency. A buyer's is what they spent."""

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

    balance: int
    lines: list[StatementLine]


class LedgerPage(Model):
    """A part of the ledger, added up. `sums` are zero, and `faults` empty, or something is wrong.

    `accounts` is what this part changes of each account. `next` leads to the next part.
    """

    payments: int
    entries: int
    sums: dict[str, int]
    accounts: dict[str, int]
    faults: list[str]
    next: str = ""
