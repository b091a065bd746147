"""Buying and selling over the shop's own API."""

from __future__ import annotations

import secrets
from typing import Any

import requests

from tests.system.users import LoggedInUser
from tests.system.waiting import DEADLINE, wait_until

SHOP = "/api/shop/v1"
FINAL_STATES = ("completed", "cancelled", "declined", "failed", "refunded")


def create_product(
    seller: LoggedInUser, stock: int = 10, price: int = 2400, title: str = "A mug", **more: Any
) -> dict[str, Any]:
    """A product in a shop of its own, of one variant."""
    shop = _made(seller, "/shops", name=f"{seller.name}'s", currency="EUR")
    variants = [{"name": "blue", "price": price, "stock": stock}]
    product = {"shop": shop["id"], "title": title, "variants": variants, **more}
    return _made(seller, "/products", **product)


def _made(person: LoggedInUser, path: str, **body: Any) -> dict[str, Any]:
    answer = person.call("POST", SHOP + path, json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def set_cart(buyer: LoggedInUser, product: dict[str, Any], quantity: int) -> dict[str, Any]:
    """Have a cart hold so many of a product, and nothing else."""
    variant = product["variants"][0]["id"]
    items = [{"product": product["id"], "variant": variant, "quantity": quantity}]
    answer = buyer.call("PUT", f"{SHOP}/cart", json={"items": items})
    assert answer.ok, answer.text
    cart: dict[str, Any] = answer.json()
    return cart


def checkout(
    buyer: LoggedInUser, cart: dict[str, Any], *, card: str = "tok_ok", key: str = ""
) -> requests.Response:
    """Order what is in a cart, at the price that it shows."""
    total = cart["total"]
    body = {"card": card, "expected_total": total["amount"], "currency": total["currency"]}
    headers = {"Idempotency-Key": key or secrets.token_hex(8)}
    return buyer.call("POST", f"{SHOP}/checkouts", json=body, headers=headers)


def buy(
    buyer: LoggedInUser, product: dict[str, Any], quantity: int, card: str = "tok_ok"
) -> dict[str, Any]:
    """Order a product."""
    answer = checkout(buyer, set_cart(buyer, product, quantity), card=card)
    assert answer.status_code == 201, answer.text
    placed: dict[str, Any] = answer.json()
    return placed


def get_order(person: LoggedInUser, id: str) -> dict[str, Any]:
    """An order as one of its sides sees it."""
    answer = person.call("GET", f"{SHOP}/orders/{id}")
    assert answer.ok, answer.text
    found: dict[str, Any] = answer.json()
    return found


def await_final_state(person: LoggedInUser, id: str, deadline: float = DEADLINE) -> dict[str, Any]:
    """An order when it has come to rest."""

    def ended() -> dict[str, Any] | None:
        found = get_order(person, id)
        return found if found["state"] in FINAL_STATES else None

    found = wait_until(ended, deadline, f"{id} at rest")
    assert found is not None
    return found


def stock_of(seller: LoggedInUser, product: dict[str, Any]) -> tuple[int, int]:
    """How many pieces of a product there are, and how many of them are for anybody."""
    answer = seller.call("GET", f"{SHOP}/products/{product['id']}/stock")
    assert answer.ok, answer.text
    (row,) = answer.json()["items"]
    return row["on_hand"], row["available"]
