"""Examples for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from fastapi.openapi.models import Example

from services.contracts.accounts import Model

Responses = dict[int | str, dict[str, Any]]

PICTURE: dict[str, Any] = {
    "id": "116548273000001537",
    "owner": "116548270000001537",
    "mime": "image/jpeg",
    "original": "116548273000001537-9f86d081884c7d65-o.jpg",
    "small": "116548273000001537-9f86d081884c7d65-s.jpg",
    "original_size": {"width": 2048, "height": 1536},
    "small_size": {"width": 640, "height": 480},
    "blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
    "description": "A blue mug on a wooden table",
    "focus": [0.0, 0.25],
}

SHOP: dict[str, Any] = {
    "shop": {
        "id": "116548273934401537",
        "owner": "116548270000001537",
        "name": "Anna's pottery",
        "description": "Stoneware, thrown and glazed by hand.",
        "currency": "EUR",
        "created_at": "2026-05-10T05:12:31.402Z",
        "edited_at": None,
        "archived": False,
        "deleted": False,
    },
    "version": 1,
}

PRODUCT: dict[str, Any] = {
    "product": {
        "id": "116548274934401537",
        "shop": "116548273934401537",
        "seller": "116548270000001537",
        "title": "Mug",
        "description": "Holds 300 ml, and the dishwasher does it no harm.",
        "pictures": [PICTURE],
        "currency": "EUR",
        "variants": [
            {"id": "116548274934401538", "name": "blue", "price": 2400},
            {"id": "116548274934401539", "name": "white", "price": 2200},
        ],
        "created_at": "2026-05-10T05:20:00.000Z",
        "edited_at": None,
        "archived": False,
        "deleted": False,
    },
    "version": 1,
    "available": {"116548274934401538": 10, "116548274934401539": 0},
}

SHOPS = {"shops": [SHOP], "last": ""}
PRODUCTS = {"products": [PRODUCT], "last": "116548274934401537"}
STOCK = {"variant": "116548274934401538", "on_hand": 10, "held": 2, "available": 8, "revision": 1}

QUOTE: dict[str, Any] = {
    "lines": [
        {
            "product": "116548274934401537",
            "variant": "116548274934401538",
            "title": "Mug",
            "name": "blue",
            "quantity": 2,
            "price": 2400,
            "currency": "EUR",
            "available": 10,
            "shop": "116548273934401537",
            "seller": "116548270000001537",
            "picture": PICTURE,
        }
    ]
}

RESERVATION: dict[str, Any] = {
    "order": "116548290000001537",
    "state": "reserved",
    "items": [{"variant": "116548274934401538", "quantity": 2}],
    "expires_at": "2026-05-10T06:00:00.000Z",
    "missing": [],
}

NEW_SHOPS: dict[str, Example] = {
    "a shop": {
        "value": {
            "name": "Anna's pottery",
            "description": "Stoneware, thrown and glazed by hand.",
            "currency": "EUR",
            "idempotency_key": "7d1f2c",
        }
    }
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
            "description": "Holds 300 ml, and the dishwasher does it no harm.",
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
    "archived": {"value": {"archived": True}},
}
COUNTS: dict[str, Example] = {
    "five more": {"value": {"delta": 5, "idempotency_key": "delivery-17"}},
    "counted": {"value": {"on_hand": 12, "revision": 1}},
}
CARD = PRODUCT["product"]
CARDS: dict[str, Example] = {"of a page": {"value": {"ids": ["116548274934401537"]}}}
QUOTES: dict[str, Example] = {
    "two mugs": {
        "value": {
            "items": [
                {"product": "116548274934401537", "variant": "116548274934401538", "quantity": 2}
            ]
        }
    }
}
NEW_RESERVATIONS: dict[str, Example] = {
    "two mugs": {
        "value": {
            "order": "116548290000001537",
            "items": [{"variant": "116548274934401538", "quantity": 2}],
            "agreed": [
                {
                    "product": "116548274934401537",
                    "variant": "116548274934401538",
                    "price": 2400,
                    "currency": "EUR",
                }
            ],
            "seconds": 900,
        }
    }
}

_FAILURES: dict[int, tuple[str, str, str]] = {
    401: ("No access token, or not a good one.", "unauthenticated", "This needs an access token."),
    403: ("Not allowed.", "forbidden", "This is somebody else's product."),
    404: ("Not there, or not visible to the caller.", "not_found", "There is no such product."),
    409: ("It cannot be so.", "out_of_stock", "There is not enough left of what was ordered."),
    412: (
        "It has changed since.",
        "changed",
        "It was changed since you read it. Read it again.",
    ),
    422: ("It breaks a rule.", "invalid", "A product needs a name."),
    428: (
        "It must be said what was read.",
        "condition_missing",
        "Say which version you have read: send its ETag in If-Match.",
    ),
    503: ("Try again in a moment.", "unavailable", "The part that is needed is not reachable."),
}


class Problem(Model):
    """Why something was refused: a code for programs, a sentence for people."""

    code: str
    message: str


def answers(model: Any, what: str, example: Any, *failures: int) -> Responses:
    """What a route answers, for its OpenAPI: pydantic does not write an `OrjsonResponse`."""
    found: Responses = {
        200: {
            "model": model,
            "description": what,
            "content": {"application/json": {"example": example}},
        }
    }
    for status in failures:
        description, code, message = _FAILURES[status]
        found[status] = {
            "model": Problem,
            "description": description,
            "content": {"application/json": {"example": {"code": code, "message": message}}},
        }
    return found
