"""Examples for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from fastapi.openapi.models import Example

from services.contracts.accounts import Model

Responses = dict[int | str, dict[str, Any]]

PAYMENT: dict[str, Any] = {
    "order": "116548273934401537",
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

NEW_PAYMENTS: dict[str, Example] = {
    "a good card": {
        "value": {
            "buyer": "116548270000002561",
            "seller": "116548270000001537",
            "amount": 4_900,
            "currency": "EUR",
            "card": "tok_ok",
        }
    }
}

NEW_REFUNDS: dict[str, Example] = {
    "all that is left": {"value": {}},
    "a part": {"value": {"amount": 1_000, "currency": "EUR", "key": "damaged"}},
}

BALANCE: dict[str, Any] = {"account": "seller", "currency": "EUR", "balance": 4_753}

STATEMENT: dict[str, Any] = {
    "balance": 4_753,
    "lines": [
        {
            "id": "116548280000001537",
            "order": "116548273934401537",
            "step": "capture",
            "amount": 4_753,
            "created_at": "2026-05-10T05:14:04.087Z",
        }
    ],
}

PAGE: dict[str, Any] = {
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

_FAILURES: dict[int, tuple[str, str, str]] = {
    401: ("No access token, or not a good one.", "unauthenticated", "This needs an access token."),
    403: ("Not for this caller.", "forbidden", "This route is for orders, not for «feed»."),
    404: ("Nothing is known of it.", "not_found", "There is no such order."),
    409: (
        "It cannot follow what was done, or was asked for otherwise.",
        "payment_differs",
        "This was asked for before, otherwise.",
    ),
    413: ("Too large.", "too_large", "A webhook is smaller than this."),
    422: ("It breaks a rule.", "invalid", "amount: Input should be greater than 0"),
}


class Problem(Model):
    """Why something was refused: a code for programs, a sentence for people."""

    code: str
    message: str


def answers(model: Any, what: str, example: Any, *failures: int) -> Responses:
    """What a route answers, for its OpenAPI: pydantic does not write an `OrjsonResponse`."""
    content = {"application/json": {"example": example}}
    found: Responses = {200: {"model": model, "description": what, "content": content}}
    for status in failures:
        description, code, message = _FAILURES[status]
        refused = {"application/json": {"example": {"code": code, "message": message}}}
        found[status] = {"model": Problem, "description": description, "content": refused}
    return found
