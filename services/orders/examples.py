"""Examples for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from fastapi.openapi.models import Example

from services.contracts.accounts import Model

Responses = dict[int | str, dict[str, Any]]

ITEM: dict[str, Any] = {
    "product": "116548273934401537",
    "variant": "116548273934401601",
    "quantity": 2,
}

QUOTED: dict[str, Any] = ITEM | {
    "title": "First light over the harbour",
    "name": "Print, 30 by 20 cm",
    "price": 2_450,
    "currency": "EUR",
    "available": 17,
    "shop": "116548270000003137",
    "seller": "116548270000001537",
    "picture": None,
}

CART: dict[str, Any] = {
    "lines": [QUOTED],
    "gone": [],
    "shop": QUOTED["shop"],
    "seller": QUOTED["seller"],
    "total": 4_900,
    "currency": "EUR",
    "revision": 3,
}

ORDER: dict[str, Any] = {
    "id": "116548290000001537",
    "buyer": "116548270000002561",
    "seller": QUOTED["seller"],
    "shop": QUOTED["shop"],
    "lines": [
        ITEM | {key: QUOTED[key] for key in ("title", "name", "price", "picture")},
    ],
    "total": 4_900,
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

ORDERS: dict[str, Any] = {"orders": [ORDER], "last": ""}

NEW_CHECKOUT: dict[str, Example] = {
    "what the cart costs": {
        "value": {
            "idempotency_key": "3f2c7a4e-checkout",
            "card": "tok_ok",
            "expected_total": 4_900,
            "currency": "EUR",
        }
    }
}

NEW_ITEM: dict[str, Example] = {"two pieces": {"value": ITEM}}

NEW_CART: dict[str, Example] = {
    "one thing": {"value": {"items": [ITEM]}},
    "nothing": {"value": {"items": []}},
}

QUANTITY: dict[str, Example] = {"three": {"value": {"quantity": 3}}}


class Problem(Model):
    """How services tell one another of a failure."""

    code: str
    message: str


_FAILURES: dict[int, tuple[str, str, str]] = {
    401: ("No token, or not a good one.", "unauthenticated", "This needs an access token."),
    403: ("Not for this caller.", "forbidden", "Only the buyer can cancel an order."),
    404: ("Not there, or not for the caller to see.", "not_found", "There is no such order."),
    409: ("Not as things are.", "price_changed", "The price is another one than you were shown."),
    412: ("Changed since it was read.", "precondition_failed", "The cart was changed."),
    422: ("The input breaks a rule.", "invalid", "The cart is empty."),
    503: ("Nothing happened; try again.", "unavailable", "Try again."),
}


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
