"""Examples of the entities of the shop API. Those of requests are on the contract models."""

from __future__ import annotations

from typing import Any

PRICE = {"amount": 2400, "currency": "EUR", "decimal": "24.00"}
SHOP: dict[str, Any] = {
    "id": "116548273934401537",
    "url": "https://microgram.example/shops/116548273934401537",
    "owner_id": "116548270000001537",
    "name": "Anna's pottery",
    "description": "Stoneware, thrown and glazed by hand.",
    "currency": "EUR",
    "created_at": "2026-05-10T05:12:31.402Z",
    "edited_at": None,
    "archived": False,
}
PRODUCT: dict[str, Any] = {
    "id": "116548274934401537",
    "url": "https://microgram.example/products/116548274934401537",
    "shop_id": "116548273934401537",
    "seller_id": "116548270000001537",
    "title": "Mug",
    "description": "Holds 300 ml, and the dishwasher does it no harm.",
    "pictures": [],
    "currency": "EUR",
    "variants": [
        {"id": "116548274934401538", "name": "blue", "price": PRICE, "available": 10},
    ],
    "created_at": "2026-05-10T05:20:00.000Z",
    "edited_at": None,
    "archived": False,
}
SHOPS = {"items": [SHOP], "next_cursor": None}
PRODUCTS = {"items": [PRODUCT], "next_cursor": "116548274934401537"}
STOCK = {
    "variant_id": "116548274934401538",
    "on_hand": 10,
    "held": 2,
    "available": 8,
    "revision": 1,
}
QUOTE = {
    "items": [
        {
            "product_id": "116548274934401537",
            "variant_id": "116548274934401538",
            "shop_id": "116548273934401537",
            "seller_id": "116548270000001537",
            "title": "Mug",
            "name": "blue",
            "picture": None,
            "quantity": 2,
            "available": 8,
            "price": PRICE,
            "total": {"amount": 4800, "currency": "EUR", "decimal": "48.00"},
        }
    ]
}

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
        LINE
        | {"shop_id": PRODUCT["shop_id"], "seller_id": PRODUCT["seller_id"], "available": 10}
        | {"added_price": PRICE}
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
