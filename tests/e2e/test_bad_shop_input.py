"""Invalid requests to the shop are answered with problem details, and change nothing."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from services.contracts import limits
from services.payments.adapters.webhooks import SECRET_NAME
from services.payments.domain.signatures import sign
from tests.system import LoggedInUser, System, wait_until
from tests.system.shopping import (
    SHOP,
    await_final_state,
    buy,
    checkout,
    create_product,
    get_order,
    set_cart,
    stock_of,
)

HUGE = 10**30
NOWHERE = "999999999999999999"
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class InvalidShopRequest:
    """An invalid request, and its acceptable statuses.

    `{product}` and its like in path and body stand for what there is; `who` sends it.
    """

    row: str
    body: Any = None
    clear: tuple[int, ...] = (422,)
    who: str = "buyer"
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.row} {str(self.body)[:70]} {self.headers or ''}"


def item(quantity: Any = 1, product: Any = "{product}", variant: Any = "{variant}") -> Any:
    return {"product": product, "variant": variant, "quantity": quantity}


def order_of(**more: Any) -> Any:
    key = "a key"
    body = {"card": "tok_ok", "expected_total": 2400, "currency": "EUR", "idempotency_key": key}
    return body | more


def product_of(**more: Any) -> Any:
    return {"shop": "{shop}", "title": "x", "variants": [{"price": 1, "stock": 1}]} | more


NUMBERS = (-1, 0, limits.MAX_PIECES + 1, HUGE, 1.5, "2", "many", None, True, [1])
"""None of which is a quantity."""

QUANTITIES = [
    *(InvalidShopRequest("POST /cart/items", item(number)) for number in NUMBERS),
    *(InvalidShopRequest("PUT /cart", {"items": [item(number)]}) for number in (-1, 0, HUGE)),
    *(
        InvalidShopRequest("PATCH /cart/items/{variant}", {"quantity": number})
        for number in NUMBERS
    ),
    *(InvalidShopRequest("POST /quotes", {"items": [item(number)]}) for number in (-1, 0, HUGE)),
    InvalidShopRequest(
        "POST /cart/items", item(limits.MAX_PIECES)
    ),  # with the one that is there, too many
]
UNKNOWN = [
    *(
        InvalidShopRequest("POST /cart/items", one, (404, 422))
        for one in (
            item(product=NOWHERE),
            item(variant=NOWHERE),
            item(product="{archived}", variant="{archived_variant}"),
            item(variant="{archived_variant}"),
            item(product="../carts/1"),
            item(product="x" * 10_000),
            item(product=""),
            item(product=7),
            item(product=None),
        )
    ),
    InvalidShopRequest("POST /quotes", {"items": [item(product="{archived}")]}, (404,)),
    InvalidShopRequest("POST /quotes", {"items": []}),
    InvalidShopRequest("PATCH /cart/items/" + NOWHERE, {"quantity": 1}, (404,)),
    InvalidShopRequest("PATCH /cart/items/x..y", {"quantity": 1}, (404,)),
    *(
        InvalidShopRequest(f"GET /{kind}/{NOWHERE}", clear=(404,))
        for kind in ("products", "shops", "orders")
    ),
    *(
        InvalidShopRequest(f"GET /orders/{id}", clear=(404, 422))
        for id in ("x", "-1", "9" * 30, "9" * 50)
    ),
    *(
        InvalidShopRequest(f"POST /orders/{NOWHERE}/{verb}", clear=(404,))
        for verb in ("cancel", "refund")
    ),
    InvalidShopRequest("GET /orders?cursor=x"),
    InvalidShopRequest("GET /orders?limit=0"),
    InvalidShopRequest("GET /orders?limit=1000"),
    InvalidShopRequest("GET /orders?role=owner"),
    InvalidShopRequest("GET /products?cursor=-1"),
]
CARTS = [
    InvalidShopRequest(
        "POST /cart/items", item(product="{dear}", variant="{dear_variant}"), (409,)
    ),
    InvalidShopRequest(
        "PUT /cart", {"items": [item(), item(1, "{dear}", "{dear_variant}")]}, (409,)
    ),
    InvalidShopRequest(
        "PUT /cart", {"items": [item(product=str(n), variant=str(n)) for n in range(1, 60)]}
    ),
    InvalidShopRequest("PUT /cart", {"items": [item(600), item(600)]}),
    InvalidShopRequest("PUT /cart", {"items": "all"}),
    InvalidShopRequest("PUT /cart", {}),
    InvalidShopRequest("PUT /cart", {"items": []}, (412,), headers={"If-Match": '"999"'}),
    InvalidShopRequest("PUT /cart", {"items": []}, (412,), headers={"If-Match": "rubbish"}),
    InvalidShopRequest("POST /cart/items", item(), (422,), who="seller"),
]
CHECKOUTS = [
    *(
        InvalidShopRequest("POST /checkouts", order_of(card=card))
        for card in ("", "4111 1111", "x" * 300, 7)
    ),
    *(
        InvalidShopRequest("POST /checkouts", order_of(expected_total=total))
        for total in (-1, HUGE, "2400", 24.0, None, True)
    ),
    *(
        InvalidShopRequest("POST /checkouts", order_of(currency=one))
        for one in ("XXX", "eur", "", 7, None)
    ),
    InvalidShopRequest("POST /checkouts", order_of(idempotency_key="")),
    InvalidShopRequest("POST /checkouts", order_of(idempotency_key="x" * 201)),
    InvalidShopRequest(
        "POST /checkouts", order_of(idempotency_key=""), headers={"Idempotency-Key": "x" * 201}
    ),
    InvalidShopRequest("POST /checkouts", {}),
    *(
        InvalidShopRequest("POST /checkouts", order_of(expected_total=n), (409,))
        for n in (0, 2399, 2401)
    ),
    *(
        InvalidShopRequest("POST /checkouts", order_of(currency=one), (409,))
        for one in ("USD", "JPY")
    ),
]
UNSOLD: list[dict[str, Any]] = [
    {"title": "x" * 101},
    {"title": "x" * 100_000},
    {"title": ""},
    {"description": "x" * 30_000},
    {"variants": []},
    {"variants": [{"price": 1}] * 21},
    {"variants": [{"price": -1}]},
    {"variants": [{"price": limits.MAX_PRICE + 1}]},
    {"variants": [{"price": HUGE}]},
    {"variants": [{"price": 9.99}]},
    {"variants": [{"price": "9.99"}]},
    {"variants": [{"price": 1, "stock": -1}]},
    {"variants": [{"price": 1, "stock": limits.MAX_STOCK + 1}]},
    {"media_ids": ["1"] * 50},
]
"""What no product can be."""

SELLING = [
    *(InvalidShopRequest("POST /products", product_of(**more), who="seller") for more in UNSOLD),
    InvalidShopRequest("POST /products", product_of(shop=NOWHERE), (404,), who="seller"),
    InvalidShopRequest("POST /products", product_of(media_ids=[NOWHERE]), (404, 422), who="seller"),
    InvalidShopRequest("POST /shops", {"name": "x", "currency": "BTC"}),
    InvalidShopRequest("POST /shops", {"name": "x" * 101, "currency": "EUR"}),
    InvalidShopRequest("POST /shops", {"name": "", "currency": "EUR"}),
    InvalidShopRequest("POST /shops", {"name": "x"}),
    *(
        InvalidShopRequest(
            f"PATCH /{path}", {"description": "y"}, clear, who="seller", headers=headers
        )
        for path in ("products/{product}", "shops/{shop}")
        for headers, clear in (
            ({}, (428,)),
            ({"If-Match": '"999"'}, (412,)),
            ({"If-Match": 'W/"1"'}, (412,)),
            ({"If-Match": "x" * 1_000}, (412, 422)),
        )
    ),
    InvalidShopRequest("DELETE /products/{product}", None, (428,), who="seller"),
    InvalidShopRequest(
        "DELETE /products/{product}", None, (412,), who="seller", headers={"If-Match": '"9"'}
    ),
    *(
        InvalidShopRequest(
            "PUT /products/{product}/variants/{variant}/stock", body, clear, "seller", headers
        )
        for body, clear, headers in (
            ({"on_hand": 5}, (428,), {}),
            ({"on_hand": 5}, (412,), {"If-Match": '"999"'}),
            ({"on_hand": 5}, (412,), {"If-Match": "rubbish"}),
            ({"on_hand": -1}, (422,), {"If-Match": '"1"'}),
            ({"on_hand": HUGE}, (422,), {"If-Match": '"1"'}),
        )
    ),
    *(
        InvalidShopRequest(
            f"POST /products/{{product}}/variants/{variant}/stock/adjustments",
            body,
            clear,
            "seller",
        )
        for variant, body, clear in (
            ("{variant}", {"delta": -1_000}, (409, 422)),
            ("{variant}", {"delta": HUGE}, (422,)),
            ("{variant}", {"delta": 0.5}, (422,)),
            ("{variant}", {"delta": limits.MAX_STOCK}, (409, 422)),
            (NOWHERE, {"delta": 1}, (404,)),
        )
    ),
]
MALFORMED = [
    InvalidShopRequest(row, body, (400, 413, 422), headers=JSON)
    for row in ("PUT /cart", "POST /checkouts", "POST /quotes")
    for body in (
        b"",
        b"{",
        b"\xff\xfe",
        b"[1, 2]",
        b"null",
        b'"text"',
        b"[" * 50_000,
        b'{"items": "' + b"x" * 3_000_000 + b'"}',
    )
]
ALL = QUANTITIES + UNKNOWN + CARTS + CHECKOUTS + SELLING + MALFORMED


@dataclass
class ShopUnderTest:
    """A seller with products, and a buyer with one of them in the cart."""

    buyer: LoggedInUser
    seller: LoggedInUser
    things: dict[str, str]
    before: list[Any] = field(default_factory=list)
    """The last snapshot of all data."""

    def send(self, bad: InvalidShopRequest) -> requests.Response:
        person = self.buyer if bad.who == "buyer" else self.seller
        method, path = bad.row.split(" ")
        given: dict[str, Any] = {"headers": bad.headers}
        if isinstance(bad.body, bytes):
            given["data"] = bad.body
        elif bad.body is not None:
            given["json"] = self._filled(bad.body)
        return person.call(method, f"{SHOP}{self._filled(path)}", **given)

    def _filled(self, value: Any) -> Any:
        text = json.dumps(value)
        for name, id in self.things.items():
            text = text.replace(f"{{{name}}}", id)
        return json.loads(text)

    def snapshot(self) -> list[Any]:
        """All that bad input might have changed."""
        things = self.things
        reads = (
            *((self.buyer, path) for path in ("/cart", "/orders", f"/shops?owner={self.buyer.id}")),
            (self.seller, f"/shops?owner={self.seller.id}"),
            (self.seller, "/cart"),
            *((self.seller, f"/products?shop={things[shop]}") for shop in ("shop", "dear_shop")),
            (self.seller, f"/products/{things['product']}/stock"),
            (self.seller, f"/products/{things['dear']}/stock"),
        )
        return [person.call("GET", SHOP + path).json() for person, path in reads]


@pytest.fixture(scope="module")
def market(system: System) -> ShopUnderTest:
    seller, buyer = system.register("seller"), system.register("buyer")
    product, dear, archived = (
        create_product(seller),
        create_product(seller, price=99_000),
        create_product(seller),
    )
    path = f"{SHOP}/products/{archived['id']}"
    assert seller.call("DELETE", path, headers={"If-Match": '"1"'}).ok
    things = {"shop": product["shop_id"], "dear_shop": dear["shop_id"]}
    for name, one in (("product", product), ("dear", dear), ("archived", archived)):
        variant = "variant" if name == "product" else f"{name}_variant"
        things |= {name: one["id"], variant: one["variants"][0]["id"]}
    set_cart(buyer, product, 1)

    def listed() -> bool:
        found = [
            seller.call("GET", f"{SHOP}/products?shop={things[shop]}").json()["items"]
            for shop in ("shop", "dear_shop")
        ]
        mine = seller.call("GET", f"{SHOP}/shops?owner={seller.id}").json()["items"]
        return all(found) and len(mine) == 3

    wait_until(listed)
    market = ShopUnderTest(buyer, seller, things)
    market.before = market.snapshot()
    return market


@pytest.fixture
def unchanged(market: ShopUnderTest) -> Iterator[None]:
    yield
    before, market.before = market.before, market.snapshot()
    assert market.before == before


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("bad", ALL, ids=str)
def test_it_is_refused_clearly_and_changes_nothing(
    market: ShopUnderTest, bad: InvalidShopRequest
) -> None:
    assert_clear(market.send(bad), bad.clear)


def assert_clear(answer: requests.Response, clear: tuple[int, ...]) -> Any:
    said = answer.text[:300]
    assert answer.status_code in clear, f"{answer.status_code} instead of {clear}: {said}"
    assert answer.headers["Content-Type"] == "application/problem+json", said
    problem = answer.json()
    assert all(problem[name] for name in ("detail", "code")), said
    return problem


def reprice(seller: LoggedInUser, product: dict[str, Any], price: int, etag: str) -> None:
    variants = [{"id": product["variants"][0]["id"], "name": "blue", "price": price}]
    path = f"{SHOP}/products/{product['id']}"
    headers = {"If-Match": etag}
    assert seller.call("PATCH", path, json={"variants": variants}, headers=headers).ok


def test_who_was_shown_another_price_is_asked_again_and_charged_what_they_agree_to(
    anna: LoggedInUser, ben: LoggedInUser
) -> None:
    product = create_product(anna)
    cart = set_cart(ben, product, 2)
    for etag, price in (('"1"', 2000), ('"2"', 3000)):  # also a lower one is not charged unasked
        reprice(anna, product, price, etag)
        problem = assert_clear(checkout(ben, cart), (409,))
        assert (problem["code"], problem["total"]["amount"]) == ("price_changed", 2 * price)
    assert ben.call("GET", f"{SHOP}/orders").json()["items"] == []
    assert stock_of(anna, product) == (10, 10)
    agreed = checkout(ben, cart | {"total": problem["total"]})
    assert await_final_state(ben, agreed.json()["id"])["total"]["amount"] == 6000
    reprice(anna, product, 1, '"3"')
    assert get_order(ben, agreed.json()["id"])["total"]["amount"] == 6000


def test_what_is_archived_meanwhile_is_not_sold(anna: LoggedInUser, ben: LoggedInUser) -> None:
    product = create_product(anna)
    cart = set_cart(ben, product, 1)
    path = f"{SHOP}/products/{product['id']}"
    assert anna.call("DELETE", path, headers={"If-Match": '"1"'}).ok
    assert assert_clear(checkout(ben, cart), (409,))["code"] == "not_available"
    assert stock_of(anna, product) == (10, 10)
    shown = ben.call("GET", f"{SHOP}/cart").json()
    assert (shown["items"], shown["total"]) == ([], None)


@pytest.mark.parametrize("path", ["/shops", "/products", "/checkouts"])
def test_a_key_that_was_used_for_another_body_is_refused(
    anna: LoggedInUser, ben: LoggedInUser, path: str
) -> None:
    product = create_product(anna)
    set_cart(ben, product, 1)
    first, other, who = {
        "/shops": ({"name": "a", "currency": "EUR"}, {"name": "b"}, anna),
        "/products": (product_of(shop=product["shop_id"]), {"title": "y"}, anna),
        "/checkouts": (order_of(), {"card": "tok_slow"}, ben),
    }[path]
    headers = {"Idempotency-Key": secrets.token_hex(8)}
    made = who.call("POST", SHOP + path, json=first, headers=headers)
    assert made.status_code == 201, made.text
    again = who.call("POST", SHOP + path, json=first, headers=headers)
    assert (again.status_code, again.json()["id"]) == (201, made.json()["id"])
    reused = who.call("POST", SHOP + path, json=first | other, headers=headers)
    assert assert_clear(reused, (409, 422))["code"] == "key_reused"


def test_a_bogus_card_is_declined_and_nothing_is_kept_of_it(
    anna: LoggedInUser, ben: LoggedInUser
) -> None:
    product = create_product(anna)
    done = await_final_state(ben, buy(ben, product, 2, card="tok_of_nobody")["id"])
    assert (done["state"], done["paid"]) == ("declined", False)
    assert "tok_of_nobody" not in json.dumps(done)
    assert stock_of(anna, product) == (10, 10)


def test_webhooks_that_are_unsigned_forged_old_wrong_or_sent_again_move_no_money(
    system: System, anna: LoggedInUser, ben: LoggedInUser
) -> None:
    product = create_product(anna)
    placed = [buy(ben, product, 1, card=card)["id"] for card in ("tok_ok", "tok_declined")]
    ends = [await_final_state(ben, id) for id in placed]
    assert [end["state"] for end in ends] == ["completed", "declined"]
    secret = json.loads((system.run_dir / "secrets.json").read_text())[SECRET_NAME]
    now = int(time.time())

    def send(id: str, signature: str = "", *, by: str = secret, at: int = now, **more: Any) -> int:
        said = {"id": "1", "charge": id, "key": f"{id}:authorize", "outcome": "done"}
        body = json.dumps(said | {"amount": 2400, "currency": "EUR"} | more).encode()
        headers = {"provider-signature": signature or sign(by, body, at)}
        url = f"{system.base}/webhooks/payments"
        return requests.post(url, data=body, headers=headers, timeout=60).status_code

    for id in placed:
        assert send(id, "x" * 150) == send(id, f"t={now},v1={'0' * 64}") == 403
        assert send(id, by="guessed") == send(id, at=now - 1_000) == send(id, at=now + 1_000) == 403
        assert send(id, amount=1) == send(id, currency="USD") == 409
        assert send(id, amount=-1) == send(id, amount=HUGE) == send(id, outcome="paid") == 422
        assert send(id, key=f"{id}:refund:all") == send(id, charge=NOWHERE) == 404
        assert [send(id) for _ in range(3)] == [200] * 3
    assert [get_order(ben, id) for id in placed] == ends
    assert stock_of(anna, product) == (9, 9)
    wait_until(lambda: system.command("ledger"), what="the ledger agrees")
