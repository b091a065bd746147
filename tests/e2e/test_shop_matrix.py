"""Every actor on every route of the shop: who may see and change which objects.

`RULES` is the whole rule. `tests/unit/gateway/test_shop_matrix.py` fails for a route of the shop
that is in it nowhere.
"""

from __future__ import annotations

import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.system import ClientApplication, LoggedInUser, System, wait_until
from tests.system.checked_session import CheckedSession
from tests.system.shopping import SHOP, await_final_state, buy, create_product, set_cart
from tests.system.users import SCOPES

BUYER, SELLER, STRANGER, ADMIN, ANONYMOUS = ("buyer", "seller", "stranger", "admin", "anonymous")
SCOPELESS = ("buyer's other app", "seller's other app")
COLUMNS = (BUYER, SELLER, STRANGER, ADMIN, ANONYMOUS, "scopeless")

EVERYBODYS = (200, 200, 200, 200, 200, 403)
ONES_OWN = (200, 200, 200, 200, 401, 403)
SELLERS = (403, 200, 403, 403, 401, 403)
HIDDEN = (404, 200, 404, 404, 404, 403)
"""What its seller has put away; the row below is of who would change it."""
HIDDEN_SELLERS = (404, 200, 404, 404, 401, 403)
OF_BOTH_SIDES = (200, 200, 404, 404, 401, 403)

RULES = {
    "GET /shops": EVERYBODYS,
    "POST /shops": (201, 201, 201, 201, 401, 403),
    "GET /shops/{shop}": EVERYBODYS,
    "GET /shops/{closed}": HIDDEN,
    "PATCH /shops/{shop}": SELLERS,
    "PATCH /shops/{closed}": HIDDEN_SELLERS,
    "GET /products": EVERYBODYS,
    "GET /products?shop={shop}&archived=true": (403, 200, 403, 403, 403, 403),
    "POST /products": (403, 201, 403, 403, 401, 403),
    "GET /products/{product}": EVERYBODYS,
    "GET /products/{archived}": HIDDEN,
    "PATCH /products/{product}": SELLERS,
    "PATCH /products/{archived}": HIDDEN_SELLERS,
    "DELETE /products/{spare}": SELLERS,
    "GET /products/{product}/stock": SELLERS,
    "GET /products/{archived}/stock": HIDDEN_SELLERS,
    "PUT /products/{product}/variants/{variant}/stock": SELLERS,
    "POST /products/{product}/variants/{variant}/stock/adjustments": SELLERS,
    "POST /quotes": EVERYBODYS,
    "GET /cart": ONES_OWN,
    "PUT /cart": (200, 422, 200, 200, 401, 403),
    "POST /cart/items": (200, 422, 200, 200, 401, 403),
    "PATCH /cart/items/{variant}": (200, 404, 200, 200, 401, 403),
    "DELETE /cart/items/{variant}": ONES_OWN,
    "POST /checkouts": (422, 422, 422, 422, 401, 403),
    "GET /orders": ONES_OWN,
    "GET /orders?role=seller&shop={shop}": ONES_OWN,
    "GET /orders?role=seller&shop={shop}&limit=1": ONES_OWN,
    "GET /orders/{order}": OF_BOTH_SIDES,
    "POST /orders/{order}/cancel": (409, 403, 404, 404, 401, 403),
    "POST /orders/{order}/refund": (403, 200, 404, 404, 401, 403),
}
"""Route → what it answers each of `COLUMNS`. Nobody buys from themselves, and carts are empty when
they are ordered; the order is paid, so that it is too late for its buyer to cancel it."""

UNTAGGED = ("POST", "GET")
"""Methods that ask for no `If-Match`; others get the one that is current."""


def route_of(row: str) -> str:
    """Return the route of a row, as in the gateway's OpenAPI document."""
    method, path = row.split(" ")
    template = re.sub(r"\{(shop|closed|product|archived|spare|order)\}", "{id}", path)
    return f"{method} {SHOP}{template.partition('?')[0]}"


@dataclass
class ShopActors:
    """All actors with their objects."""

    people: dict[str, LoggedInUser]
    sessions: dict[str, requests.Session]
    things: dict[str, str]
    secret_words: dict[str, tuple[str, ...]]
    """Texts that only some actors may see."""

    @property
    def base(self) -> str:
        return self.people[BUYER].base

    def ask(self, actor: str, row: str, headers: dict[str, str]) -> requests.Response:
        method, path = row.split(" ")
        url = f"{self.base}{SHOP}{path.format(**self.things)}"
        given = {"json": self.body(row)} if method != "GET" else {}
        return self.sessions[actor].request(method, url, headers=headers, timeout=60, **given)

    def body(self, row: str) -> Any:
        things = self.things
        item = {"product": things["product"], "variant": things["variant"], "quantity": 2}
        new = {"title": "another", "variants": [{"price": 1}], "shop": things["shop"]}
        bodies: dict[str, Any] = {
            "POST /shops": {"name": "mine", "currency": "EUR"},
            "POST /products": new,
            "PATCH /shops/{shop}": {"description": "changed"},
            "PATCH /shops/{closed}": {"description": "changed"},
            "PATCH /products/{product}": {"description": "changed"},
            "PATCH /products/{archived}": {"description": "changed"},
            "PUT /products/{product}/variants/{variant}/stock": {"on_hand": 50},
            "POST /products/{product}/variants/{variant}/stock/adjustments": {"delta": 5},
            "POST /quotes": {"items": [item]},
            "PUT /cart": {"items": [item]},
            "POST /cart/items": item,
            "PATCH /cart/items/{variant}": {"quantity": 3},
            "POST /checkouts": {
                "card": "tok_ok",
                "expected_total": 4800,
                "currency": "EUR",
                "idempotency_key": secrets.token_hex(8),
            },
        }
        return bodies.get(row)

    def tag(self, row: str) -> dict[str, str]:
        """What its seller would send along who changes a thing, so that nobody else lacks it."""
        method, path = row.split(" ")
        if method in UNTAGGED or "/cart" in path:
            return {}
        if path.endswith("/stock"):
            (stock,) = self.read(SELLER, "/products/{product}/stock")["items"]
            return {"If-Match": f'"{stock["revision"]}"'}
        answer = self.people[SELLER].call("GET", SHOP + path.format(**self.things))
        return {"If-Match": answer.headers["ETag"]}

    def read(self, actor: str, path: str) -> Any:
        answer = self.people[actor].call("GET", SHOP + path.format(**self.things))
        assert answer.ok, answer.text
        return answer.json()

    def snapshot(self) -> list[Any]:
        """All that others might have changed of buyer and seller."""
        create_product = ("/products/{product}", "/products/{archived}", "/products/{spare}")
        mine = ("/shops/{shop}", "/shops/{closed}", "/products/{product}/stock", *create_product)
        return [
            *(self.read(SELLER, path) for path in mine),
            *(self.read(BUYER, path) for path in ("/cart", "/orders/{order}", "/orders")),
        ]

    def leaks(self, actor: str, text: str) -> list[str]:
        """Which words shown to an actor that are not for them."""
        return [
            word
            for word, knowing in self.secret_words.items()
            if word in text and actor not in knowing
        ]


@pytest.fixture(scope="module")
def street(system: System) -> ShopActors:
    with ThreadPoolExecutor(4) as pool:
        roles = (BUYER, SELLER, STRANGER, ADMIN)
        people = dict(zip(roles, pool.map(system.register, roles), strict=True))
    buyer, seller, admin = people[BUYER], people[SELLER], people[ADMIN]
    product, spare, archived = (
        create_product(seller, stock=100),
        create_product(seller),
        create_product(seller),
    )
    word = f"hidden{secrets.token_hex(4)}"
    _change(seller, "products", archived["id"], {"archived": True, "title": word})
    _change(seller, "shops", archived["shop_id"], {"archived": True})
    order = await_final_state(buyer, buy(buyer, product, 1)["id"])
    assert order["state"] == "completed"
    wait_until(lambda: seller.call("GET", f"{SHOP}/orders?role=seller").json()["items"])
    for role, quantity in ((BUYER, 7), (STRANGER, 1), (ADMIN, 1)):
        set_cart(people[role], product, quantity)
    sessions = {role: _session(person.token) for role, person in people.items()}
    sessions[ADMIN] = _session(_ruling(system, admin))
    sessions[ANONYMOUS] = CheckedSession()
    narrow = ClientApplication.register(system.base, "narrow", ["read:accounts", "write:statuses"])
    for actor, person in zip(SCOPELESS, (buyer, seller), strict=True):
        sessions[actor] = _session(person.token_for(narrow))
    things = {
        "shop": product["shop_id"],
        "closed": archived["shop_id"],
        "product": product["id"],
        "variant": product["variants"][0]["id"],
        "archived": archived["id"],
        "spare": spare["id"],
        "order": order["id"],
    }
    readers = {word: (SELLER,), archived["id"]: (SELLER,), order["id"]: (BUYER, SELLER)}
    return ShopActors(people, sessions, things, readers)


def _session(token: str) -> requests.Session:
    session = CheckedSession()
    session.headers["Authorization"] = f"Bearer {token}"
    return session


def _ruling(system: System, admin: LoggedInUser) -> str:
    """Return the token of an admin with all scopes."""
    system.command("admin", admin.name)
    app = ClientApplication.register(system.base, "ruling", [*SCOPES, "admin:read", "admin:write"])
    token = admin.token_for(app)
    wait_until(lambda: app.client(token).me().role.name == "Admin")
    return token


def _change(seller: LoggedInUser, kind: str, id: str, body: dict[str, Any]) -> None:
    path = f"{SHOP}/{kind}/{id}"
    headers = {"If-Match": seller.call("GET", path).headers["ETag"]}
    answer = seller.call("PATCH", path, json=body, headers=headers)
    assert answer.ok, answer.text


@pytest.mark.parametrize("row", RULES)
def test_everybody_gets_what_is_theirs_and_nothing_else(street: ShopActors, row: str) -> None:
    wanted = dict(zip(COLUMNS, RULES[row], strict=True))
    wanted |= dict.fromkeys(SCOPELESS, wanted.pop("scopeless"))
    if row == "POST /checkouts":  # nothing is bought here
        for role in (BUYER, STRANGER, ADMIN):
            assert street.people[role].call("PUT", f"{SHOP}/cart", json={"items": []}).ok
    before, headers, faults = street.snapshot(), street.tag(row), []

    def ask(actor: str) -> None:
        answer = street.ask(actor, row, headers)
        if answer.status_code != wanted[actor]:
            faults.append(f"{actor}: {answer.status_code} instead of {wanted[actor]}")
        if answer.ok:
            faults.extend(f"{actor} reads {word}" for word in street.leaks(actor, answer.text))

    for actor in wanted.keys() - {BUYER, SELLER}:
        ask(actor)
    if street.snapshot() != before:
        faults.append("somebody else has changed what is the buyer's or the seller's")
    for actor in (BUYER, SELLER):
        ask(actor)
    assert not faults, f"{row}: {faults}"
