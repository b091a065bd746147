"""Shops, products, stock, quotes and reservations.

Money is an integer number of a currency's minor units, such as cents.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from services.contracts import limits
from services.contracts.accounts import Id, Model, examples
from services.contracts.posts import ATTACHMENT, Attachment
from services.contracts.texts import Line, Prose

Currency = Literal[
    "AUD", "CAD", "CHF", "CZK", "DKK", "EUR", "GBP", "JPY", "KWD", "NOK", "PLN", "SEK", "USD"
]
"""ISO 4217."""

EXPONENTS: Mapping[str, int] = {**dict.fromkeys(get_args(Currency), 2), "JPY": 0, "KWD": 3}
"""Decimal places of a currency's minor unit (ISO 4217)."""

Price = Annotated[int, Field(ge=0, le=limits.MAX_PRICE, strict=True)]
Pieces = Annotated[int, Field(ge=1, le=limits.MAX_PIECES, strict=True)]
"""A number of pieces to buy."""

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
    """A shop. Event `shop.changed` on `shops`.

    `archived`: its owner closed it, and may open it again. `deleted` marks a tombstone, whose name
    and description are blank.
    """

    model_config = examples(SHOP)

    id: Id
    owner: Id
    name: Line = ""
    description: Prose = ""
    currency: Currency
    created_at: str
    edited_at: str | None = None
    archived: bool = False
    deleted: bool = False


class Variant(Model):
    """A variant of a product. Its price is in the product's currency."""

    id: Id
    name: Line = ""
    price: Price


class Product(Model):
    """A product. Event `product.changed` on `products`.

    `seller` is the owner of the shop. `archived`: it cannot be bought, and only its seller sees it
    and may restore it. `deleted` marks a tombstone, whose texts, pictures and variants are blank.
    """

    model_config = examples(PRODUCT)

    id: Id
    shop: Id
    seller: Id
    title: Line = ""
    description: Prose = ""
    pictures: list[Attachment] = Field(default_factory=list)
    currency: Currency
    variants: list[Variant] = Field(default_factory=list)
    created_at: str
    edited_at: str | None = None
    archived: bool = False
    deleted: bool = False


class ShopView(Model):
    """A shop. `version` grows with every change; a change names the version it is based on."""

    model_config = examples(_SHOP_VIEW)

    shop: Shop
    version: int = 1


class ProductView(Model):
    """A product. `version` as in `ShopView`.

    `available` is how many pieces of each variant are left; `None` if it was not requested.
    """

    model_config = examples(_PRODUCT_VIEW)

    product: Product
    version: int = 1
    available: dict[Id, int] | None = None


class ShopList(Model):
    """A page of shops, newest first. `last` is the cursor of the next page; empty at the end."""

    model_config = examples({"shops": [_SHOP_VIEW], "last": ""})

    shops: list[ShopView]
    last: Id = ""


class ProductList(Model):
    """A page of products, newest first. `last` is the cursor of the next page; empty at the end.

    A page of search results may have fewer products than the limit, or none, before the end.
    """

    model_config = examples({"products": [_PRODUCT_VIEW], "last": PRODUCT["id"]})

    products: list[ProductView]
    last: Id = ""


class ProductsRequest(Model):
    """The products of some posts."""

    model_config = examples({"ids": [PRODUCT["id"]]})

    ids: list[Id] = Field(max_length=limits.MAX_CARDS)


class NewShop(Model):
    """A shop to open."""

    model_config = examples(
        {
            "name": "Anna's pottery",
            "description": "Stoneware, thrown and glazed by hand.",
            "currency": "EUR",
            "idempotency_key": "7d1f2c",
        }
    )

    name: Line = Field(max_length=1_000)
    description: Prose = Field(default="", max_length=limits.MAX_TEXT_CODE_POINTS)
    currency: Currency
    idempotency_key: str = Field(default="", max_length=200)


class EditedShop(Model):
    """Changes of a shop. `None` keeps the current value."""

    model_config = examples({"name": "Anna & Ben"}, {"archived": True})

    name: Line | None = Field(default=None, max_length=1_000)
    description: Prose | None = Field(default=None, max_length=limits.MAX_TEXT_CODE_POINTS)
    archived: bool | None = None


class NewVariant(Model):
    """A variant of a new product, with its initial stock."""

    name: Line = Field(default="", max_length=1_000)
    price: Price
    stock: int = Field(default=0, ge=0, le=limits.MAX_STOCK, strict=True)


class EditedVariant(Model):
    """A variant of an edited product: an existing one with its `id`, a new one without."""

    id: Id | None = Field(default=None, max_length=20)
    name: Line = Field(default="", max_length=1_000)
    price: Price


class NewProduct(Model):
    """A new product. Its currency is that of the shop."""

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
    title: Line = Field(max_length=1_000)
    description: Prose = Field(default="", max_length=limits.MAX_TEXT_CODE_POINTS)
    media_ids: list[Id] = Field(default_factory=list, max_length=40)
    variants: list[NewVariant] = Field(min_length=1, max_length=100)
    idempotency_key: str = Field(default="", max_length=200)


class EditedProduct(Model):
    """Changes of a product. `None` keeps the current value."""

    model_config = examples(
        {"title": "Large mug"},
        {"variants": [{"id": "116548274934401538", "name": "blue", "price": 2600}]},
        {"archived": True},
    )

    title: Line | None = Field(default=None, max_length=1_000)
    description: Prose | None = Field(default=None, max_length=limits.MAX_TEXT_CODE_POINTS)
    media_ids: list[Id] | None = Field(default=None, max_length=40)
    variants: list[EditedVariant] | None = Field(default=None, min_length=1, max_length=100)
    archived: bool | None = None


class Stock(Model):
    """The stock of a variant: `on_hand` pieces, some of which are `held` for orders.

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
    """A change of stock: the new number of pieces (`on_hand`), or the difference (`delta`).

    `revision` is the revision that the change is based on. `on_hand` requires it, or `If-Match`. A
    repeated `idempotency_key` changes the stock once.
    """

    model_config = examples(
        {"delta": 5, "idempotency_key": "delivery-17"}, {"on_hand": 12, "revision": 1}
    )

    on_hand: int | None = Field(default=None, ge=0, le=limits.MAX_STOCK, strict=True)
    delta: int | None = Field(default=None, ge=-limits.MAX_STOCK, le=limits.MAX_STOCK, strict=True)
    revision: int | None = Field(default=None, ge=0)
    idempotency_key: str = Field(default="", max_length=200)


class QuoteItem(Model):
    """A variant to buy, and how many pieces."""

    model_config = examples(ITEM)

    product: Id = Field(max_length=20)
    variant: Id = Field(max_length=20)
    quantity: Pieces = 1


class QuoteRequest(Model):
    """The items to buy together. `buyer` is who would buy them, if that is not the caller."""

    model_config = examples({"items": [ITEM]})

    items: list[QuoteItem] = Field(min_length=1, max_length=limits.MAX_LINES)
    buyer: Id | None = None


class QuoteLine(Model):
    """The current price of an item. `price` is for one piece; `available` pieces are left."""

    product: Id
    variant: Id
    title: Line
    name: Line
    quantity: int
    price: int
    currency: Currency
    available: int
    shop: Id
    seller: Id
    picture: Attachment | None = None


class Quote(Model):
    """The current prices of the items, in the order of the request."""

    model_config = examples({"lines": [QUOTE_LINE]})

    lines: list[QuoteLine]


class ReservedItem(Model):
    """Pieces of a variant that are held for an order."""

    variant: Id = Field(min_length=1, max_length=20, pattern=r"^\d+$")
    quantity: Pieces


class AgreedPrice(Model):
    """The price of one piece that the buyer was shown."""

    product: Id = Field(min_length=1, max_length=20, pattern=r"^\d+$")
    variant: Id = Field(min_length=1, max_length=20, pattern=r"^\d+$")
    price: Price
    currency: Currency


class NewReservation(Model):
    """The items to hold for an order, all or none, and for how long.

    Nothing is held if one of the `agreed` prices has changed, or its product is no longer sold.
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
    items: list[ReservedItem] = Field(min_length=1, max_length=limits.MAX_LINES)
    agreed: list[AgreedPrice] = Field(default_factory=list, max_length=limits.MAX_LINES)
    seconds: int = Field(ge=1, le=limits.MAX_RESERVATION_SECONDS)


class ReleasedItems(Model):
    """All items of an order whose reservation is released."""

    model_config = examples({"items": [_RESERVED_ITEM]})

    items: list[ReservedItem] = Field(max_length=limits.MAX_LINES)


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
    """The items held for an order, now or before. `missing` are the variants out of stock."""

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
