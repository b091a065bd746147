"""Examples of the shop's API, for its OpenAPI document."""

from __future__ import annotations

from typing import Any

from fastapi.openapi.models import Example

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

NEW_SHOPS: dict[str, Example] = {
    "a shop": {"value": {"name": "Anna's pottery", "currency": "EUR"}},
}
EDITED_SHOPS: dict[str, Example] = {
    "another name": {"value": {"name": "Anna & Ben"}},
    "closed": {"value": {"archived": True}},
}
NEW_PRODUCTS: dict[str, Example] = {
    "in two colours": {
        "value": {
            "shop": "116548273934401537",
            "title": "Mug",
            "media_ids": ["116548273000001537"],
            "variants": [
                {"name": "blue", "price": 2400, "stock": 10},
                {"name": "white", "price": 2200},
            ],
        }
    }
}
EDITED_PRODUCTS: dict[str, Example] = {
    "another title": {"value": {"title": "Large mug"}},
    "another price": {
        "value": {"variants": [{"id": "116548274934401538", "name": "blue", "price": 2600}]}
    },
}
QUOTES: dict[str, Example] = {
    "two mugs": {
        "value": {
            "items": [
                {"product": "116548274934401537", "variant": "116548274934401538", "quantity": 2}
            ]
        }
    }
}
