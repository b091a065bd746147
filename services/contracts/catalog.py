"""The shop: what people sell, and how much of it is left.

Money is a whole number of a currency's minor units, such as cents: never a fraction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from services.contracts import limits
from services.contracts.accounts import Id, Model, examples
from services.contracts.posts import ATTACHMENT, Attachment

Currency = Literal[
    "AUD", "CAD", "CHF", "CZK", "DKK", "EUR", "GBP", "JPY", "KWD", "NOK", "PLN", "SEK", "USD"
]
"""ISO 4217."""

EXPONENTS: Mapping[str, int] = {**dict.fromkeys(get_args(Currency), 2), "JPY": 0, "KWD": 3}
"""How many decimal places a currency's minor unit stands for (ISO 4217)."""

Price = Annotated[int, Field(ge=0, le=limits.PRICE, strict=True)]
Pieces = Annotated[int, Field(ge=1, le=limits.PIECES, strict=True)]
"""How many of something are wanted."""


SHOP: dict[str, Any] = {
    "id": "116548273934401537",
    "owner": "116548270000001537",
    "name": "Anna's pottery",
    "description": "Stoneware, thrown and glazed by hand.",
    "currency": "EUR",
    "created_at": "2026-05-10T05:12:31.402Z",
    "edited_at": None,
    "archived": False,
    "deleted": False,
}
PRODUCT: dict[str, Any] = {
    "id": "116548274934401537",
    "shop": SHOP["id"],
    "seller": SHOP["owner"],
    "title": "Mug",
    "description": "Holds 300 ml and is dishwasher safe.",
    "pictures": [ATTACHMENT],
    "currency": "EUR",
    "variants": [
        {"id": "116548274934401538", "name": "blue", "price": 2400},
        {"id": "116548274934401539", "name": "white", "price": 2200},
    ],
    "created_at": "2026-05-10T05:20:00.000Z",
    "edited_at": None,
    "archived": False,
    "deleted": False,
}
ITEM = {"product": PRODUCT["id"], "variant": "116548274934401538", "quantity": 2}
QUOTE_LINE = ITEM | {
    "title": "Mug",
    "name": "blue",
    "price": 2400,
    "currency": "EUR",
    "available": 10,
    "shop": SHOP["id"],
    "seller": SHOP["owner"],
    "picture": ATTACHMENT,
}
_SHOP_VIEW = {"shop": SHOP, "version": 1}
_PRODUCT_VIEW = {"product": PRODUCT, "version": 1, "available": {"116548274934401538": 10}}
_RESERVED_ITEM = {"variant": "116548274934401538", "quantity": 2}


class Shop(Model):
    """A shop as its owner made it. Event `shop.changed` on `shops`.

    `archived`: its owner closed it, and may open it again. `deleted` is the tombstone: name and
    description are blank then.
    """

    model_config = examples(SHOP)

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

    model_config = examples(PRODUCT)

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

    model_config = examples(_SHOP_VIEW)

    shop: Shop
    version: int = 1


class ProductView(Model):
    """A product. `version` as a shop's; `available` are the pieces left of each variant.

    `available` is `None` where it was not asked for.
    """

    model_config = examples(_PRODUCT_VIEW)

    product: Product
    version: int = 1
    available: dict[Id, int] | None = None


class ShopList(Model):
    """A page of shops, newest first. `last` is the id it reaches to; empty at the end."""

    model_config = examples({"shops": [_SHOP_VIEW], "last": ""})

    shops: list[ShopView]
    last: Id = ""


class ProductList(Model):
    """A page of products, newest first. `last` is the id it reaches to; empty at the end.

    Of a search it may have fewer products than were asked for, also none, before the end.
    """

    model_config = examples({"products": [_PRODUCT_VIEW], "last": PRODUCT["id"]})

    products: list[ProductView]
    last: Id = ""


class CardsAsked(Model):
    """The products that some posts show."""

    model_config = examples({"ids": [PRODUCT["id"]]})

    ids: list[Id] = Field(max_length=limits.CARDS)


class NewShop(Model):
    """A shop that somebody wants to open."""

    model_config = examples(
        {
            "name": "Anna's pottery",
            "description": "Stoneware, thrown and glazed by hand.",
            "currency": "EUR",
            "idempotency_key": "7d1f2c",
        }
    )

    name: str = Field(max_length=1_000)
    description: str = Field(default="", max_length=limits.TYPED)
    currency: Currency
    idempotency_key: str = Field(default="", max_length=200)


class EditedShop(Model):
    """What somebody wants a shop to be; `None` leaves a part as it is."""

    model_config = examples({"name": "Anna & Ben"}, {"archived": True})

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

    model_config = examples(
        {
            "shop": SHOP["id"],
            "title": "Mug",
            "description": "Holds 300 ml and is dishwasher safe.",
            "media_ids": [ATTACHMENT["id"]],
            "variants": [
                {"name": "blue", "price": 2400, "stock": 10},
                {"name": "white", "price": 2200},
            ],
        }
    )

    shop: Id = Field(max_length=20)
    title: str = Field(max_length=1_000)
    description: str = Field(default="", max_length=limits.TYPED)
    media_ids: list[Id] = Field(default_factory=list, max_length=40)
    variants: list[NewVariant] = Field(min_length=1, max_length=100)
    idempotency_key: str = Field(default="", max_length=200)


class EditedProduct(Model):
    """What somebody wants a product to be; `None` leaves a part as it is."""

    model_config = examples(
        {"title": "Large mug"},
        {"variants": [{"id": "116548274934401538", "name": "blue", "price": 2600}]},
        {"archived": True},
    )

    title: str | None = Field(default=None, max_length=1_000)
    description: str | None = Field(default=None, max_length=limits.TYPED)
    media_ids: list[Id] | None = Field(default=None, max_length=40)
    variants: list[EditedVariant] | None = Field(default=None, min_length=1, max_length=100)
    archived: bool | None = None


class Stock(Model):
    """How much there is of a variant: `on_hand` pieces, some of which are `held` for orders.

    `revision` grows whenever `on_hand` changes.
    """

    model_config = examples(
        {
            "variant": "116548274934401538",
            "on_hand": 10,
            "held": 2,
            "available": 8,
            "revision": 1,
        }
    )

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

    model_config = examples(
        {"delta": 5, "idempotency_key": "delivery-17"}, {"on_hand": 12, "revision": 1}
    )

    on_hand: int | None = Field(default=None, ge=0, le=limits.STOCK, strict=True)
    delta: int | None = Field(default=None, ge=-limits.STOCK, le=limits.STOCK, strict=True)
    revision: int | None = Field(default=None, ge=0)
    idempotency_key: str = Field(default="", max_length=200)


class QuoteItem(Model):
    """What somebody would like to buy."""

    model_config = examples(ITEM)

    product: Id = Field(max_length=20)
    variant: Id = Field(max_length=20)
    quantity: Pieces = 1


class QuoteRequest(Model):
    """What somebody would like to buy together."""

    model_config = examples({"items": [ITEM]})

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

    model_config = examples({"lines": [QUOTE_LINE]})

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

    model_config = examples(
        {
            "order": "116548290000001537",
            "items": [_RESERVED_ITEM],
            "agreed": [
                {
                    "product": PRODUCT["id"],
                    "variant": "116548274934401538",
                    "price": 2400,
                    "currency": "EUR",
                }
            ],
            "seconds": 900,
        }
    )

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

    model_config = examples(
        {
            "order": "116548290000001537",
            "state": "reserved",
            "items": [_RESERVED_ITEM],
            "expires_at": "2026-05-10T06:00:00.000Z",
            "missing": [],
        }
    )

    order: Id
    state: ReservationState
    items: list[ReservedItem] = Field(default_factory=list)
    expires_at: str | None = None
    missing: list[Id] = Field(default_factory=list)
