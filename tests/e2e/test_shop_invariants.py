"""After concurrent trade in the shop, every item and every cent is accounted for once.

Buyers order, cancel and pay with all sorts of cards, all at once and at random (but the same at
every run), while the seller changes stock and prices and gives money back. When all orders have
come to rest, stock, ledger and orders must tell the same story.
"""

from __future__ import annotations

import random
import secrets
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
import requests

from tests.system import LoggedInUser, System, wait_until
from tests.system.shopping import (
    FINAL_STATES,
    SHOP,
    await_final_state,
    create_product,
    get_order,
    set_cart,
    stock_of,
)

BUYERS, TURNS, STOCK = 4, 6, 12
CARDS = (
    *("tok_ok",) * 4,
    *("tok_declined", "tok_slow", "tok_timeout_after_success", "tok_duplicate_callback"),
    *("tok_pending", "tok_pending_declined"),
)
PAID_AS = {
    "completed": {"captured"},
    "refunded": {"refunded"},
    "declined": {"declined", "voided"},
    "cancelled": {"none", "declined", "voided", "refunded"},
    "failed": {"none", "declined", "voided", "refunded"},
}
"""What may have become of the payment of an order that ended so."""


@dataclass
class RandomTrade:
    """One seller with products, and a record of all actions."""

    system: System
    seller: LoggedInUser
    products: list[dict[str, Any]]
    put_in: Counter[str] = field(default_factory=Counter)
    placed: list[tuple[LoggedInUser, str, int]] = field(default_factory=list)
    """Buyer, order, and the accepted total."""
    lost: list[str] = field(default_factory=list)
    """Responses that must not occur."""

    def buy(self, buyer: LoggedInUser, chance: random.Random) -> None:
        """A buyer's day."""
        for _ in range(TURNS):
            product, pieces = chance.choice(self.products), chance.randint(1, 4)
            card, times = chance.choice(CARDS), chance.choice((1, 1, 2))
            id = self.order(buyer, product, pieces, card, times=times)
            if id and chance.random() < 0.3:
                self._note(buyer.call("POST", f"{SHOP}/orders/{id}/cancel"), "too_late")

    def order(
        self, buyer: LoggedInUser, product: dict[str, Any], pieces: int, card: str, times: int = 1
    ) -> str:
        """Place one order, with one request or several; return its id if it was accepted."""
        total = set_cart(buyer, product, pieces)["total"]["amount"]
        body = {"card": card, "expected_total": total, "currency": "EUR"}
        headers = {"Idempotency-Key": secrets.token_hex(8)}
        for _ in range(times):
            answer = buyer.call("POST", f"{SHOP}/checkouts", json=body, headers=headers)
        if answer.status_code != 201:
            self._note(answer, "out_of_stock", "price_changed")
            return ""
        id = str(answer.json()["id"])
        self.placed.append((buyer, id, total))
        return id

    def sell(self, chance: random.Random) -> None:
        """The seller's day."""
        for _ in range(BUYERS * TURNS):
            product = chance.choice(self.products)
            self._deliver(product, chance.choice((-5, -1, 1, 2, 4)))
            if chance.random() < 0.3:
                self._reprice(product, chance.randint(1_000, 3_000))
            if self.placed and chance.random() < 0.5:
                _, id, _ = chance.choice(self.placed)
                refund = self.seller.call("POST", f"{SHOP}/orders/{id}/refund")
                self._note(refund, "not_completed")

    def _deliver(self, product: dict[str, Any], pieces: int) -> None:
        variant = product["variants"][0]["id"]
        path = f"{SHOP}/products/{product['id']}/variants/{variant}/stock/adjustments"
        headers = {"Idempotency-Key": secrets.token_hex(8)}
        answer = self.seller.call("POST", path, json={"delta": pieces}, headers=headers)
        if answer.ok:
            self.put_in[product["id"]] += pieces
        elif answer.status_code not in (409, 422) or pieces > 0:
            self.lost.append(answer.text)

    def _reprice(self, product: dict[str, Any], price: int) -> None:
        path = f"{SHOP}/products/{product['id']}"
        headers = {"If-Match": self.seller.call("GET", path).headers["ETag"]}
        variants = [{"id": product["variants"][0]["id"], "name": "blue", "price": price}]
        answer = self.seller.call("PATCH", path, json={"variants": variants}, headers=headers)
        self._note(answer)

    def _note(self, answer: requests.Response, *codes: str) -> None:
        if not answer.ok and answer.json()["code"] not in codes:
            self.lost.append(f"{answer.status_code} {answer.text}")

    # ── what is left ────────────────────────────────────────────────────────────────────────

    def ask(self, path: str, token: str = "") -> Any:
        """Ask payments as orders does, or, with a token, as the gateway does for somebody."""
        address = self.system.ps()["payments"].address
        headers = {
            "dapr-api-token": self.system.tokens("payments").app,
            "dapr-caller-app-id": "gateway" if token else "orders",
            "authorization": f"Bearer {token}",
        }
        return requests.get(f"{address}/{path}", headers=headers, timeout=60)

    def paid(self, id: str) -> tuple[str, int]:
        """What became of the payment of an order, and what the buyer is left with to pay."""
        answer = self.ask(f"payments/{id}")
        if answer.status_code == 404:
            return "none", 0
        payment = answer.json()
        assert not payment["waiting"], payment
        return payment["state"], payment["captured"] - payment["refunded"]


@pytest.mark.timeout(300)
def test_after_a_busy_day_every_piece_and_every_cent_is_somewhere_once(system: System) -> None:
    seller = system.register("seller")
    buyers = [system.register(f"buyer{number}") for number in range(BUYERS)]
    trade = RandomTrade(
        system, seller, [create_product(seller, STOCK, price) for price in (1_000, 2_000, 3_000)]
    )
    trade.put_in.update({product["id"]: STOCK for product in trade.products})
    with ThreadPoolExecutor(BUYERS + 1) as pool:
        days = [
            *(pool.submit(trade.buy, buyer, random.Random(n)) for n, buyer in enumerate(buyers)),  # noqa: S311
            pool.submit(trade.sell, random.Random(BUYERS)),  # noqa: S311
        ]
        for day in days:
            day.result()
    quiet = create_product(seller, STOCK, 1_000)
    trade.products.append(quiet)
    trade.put_in[quiet["id"]] = STOCK
    for card in ("tok_ok", "tok_declined"):  # of the others chance may have cancelled every one
        assert trade.order(buyers[0], quiet, 1, card)
    assert not trade.lost
    ends = {id: await_final_state(buyer, id, 150) for buyer, id, _ in trade.placed}
    states = Counter(end["state"] for end in ends.values())
    assert {"completed", "declined"} <= states.keys(), states
    for _, id, total in trade.placed:
        assert ends[id]["total"]["amount"] == total, f"{id} costs what nobody agreed to"

    check_stock(trade, ends)
    check_money(trade, ends)
    wait_until(
        lambda: ", 0 entries corrected" in system.command("rebuild"), what="no entry to correct"
    )
    for buyer, id, _ in trade.placed:
        assert get_order(buyer, id) == ends[id], "something happened to an order at rest"
        assert ends[id]["state"] in FINAL_STATES


def check_stock(trade: RandomTrade, ends: dict[str, Any]) -> None:
    """Check that stock on hand plus sold is the initial stock, and nothing is reserved."""
    gone = Counter[str]()
    for end in ends.values():
        if end["state"] == "completed":
            for line in end["items"]:
                gone[line["product_id"]] += line["quantity"]
    for product in trade.products:
        left = trade.put_in[product["id"]] - gone[product["id"]]
        assert left >= 0
        wait_until(partial(has_left, trade, product, left), what=f"{left} left")


def check_money(trade: RandomTrade, ends: dict[str, Any]) -> None:
    """Check payments against orders, accounts against payments, and that the ledger is zero."""
    spent = Counter[str]()
    for buyer, id, total in trade.placed:
        state, kept = trade.paid(id)
        end = ends[id]["state"]
        assert state in PAID_AS[end], f"{id} is {end}, and its payment {state}"
        assert kept == (total if end == "completed" else 0)
        spent[buyer.id] += kept
    for buyer in {buyer.id: buyer for buyer, _, _ in trade.placed}.values():
        wait_until(partial(has_spent, trade, buyer, spent[buyer.id]), what="spent")
    wait_until(lambda: trade.system.command("ledger"), what="the ledger agrees")


def has_left(trade: RandomTrade, product: dict[str, Any], pieces: int) -> bool:
    """Return whether a product has so many items, all available."""
    return stock_of(trade.seller, product) == (pieces, pieces)


def has_spent(trade: RandomTrade, buyer: LoggedInUser, amount: int) -> bool:
    """Return whether the ledger has this amount for a buyer."""
    rows = trade.ask("balances", buyer.token).json()
    return bool(sum(abs(row["balance"]) for row in rows if row["account"] == "buyer") == amount)
