"""Examples of carts and orders, for the OpenAPI document of the shop's API."""

from __future__ import annotations

from typing import Any

from fastapi.openapi.models import Example

from services.gateway.rest.shop.examples import PRICE, PRODUCT

ITEM = {"product": PRODUCT["id"], "variant": PRODUCT["variants"][0]["id"], "quantity": 2}
TOTAL = {"amount": 4800, "currency": "EUR", "decimal": "48.00"}

LINE: dict[str, Any] = {
    "product_id": ITEM["product"],
    "variant_id": ITEM["variant"],
    "title": "Mug",
    "name": "blue",
    "picture": None,
    "quantity": 2,
    "price": PRICE,
    "total": TOTAL,
}

CART: dict[str, Any] = {
    "items": [
        LINE | {"shop_id": PRODUCT["shop_id"], "seller_id": PRODUCT["seller_id"], "available": 10}
    ],
    "gone": [],
    "shop_id": PRODUCT["shop_id"],
    "seller_id": PRODUCT["seller_id"],
    "total": TOTAL,
}

ORDER: dict[str, Any] = {
    "id": "116548290000001537",
    "buyer_id": "116548270000002561",
    "seller_id": PRODUCT["seller_id"],
    "shop_id": PRODUCT["shop_id"],
    "items": [LINE],
    "total": TOTAL,
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
}

ORDERS = {"items": [ORDER], "next_cursor": None}

NEW_ITEMS: dict[str, Example] = {"two of them": {"value": ITEM}}
NEW_CARTS: dict[str, Example] = {
    "one thing": {"value": {"items": [ITEM]}},
    "nothing": {"value": {"items": []}},
}
QUANTITIES: dict[str, Example] = {"three": {"value": {"quantity": 3}}}
CHECKOUTS: dict[str, Example] = {
    "what the cart costs": {"value": {"card": "tok_ok", "expected_total": 4800, "currency": "EUR"}}
}
