"""Buying with GraphQL on the running system, and the visibility of orders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from graphql import GraphQLObjectType, get_named_type

from services.gateway.graphql.schema.root import build_schema
from tests.e2e.test_graphql import ask, send
from tests.system import ClientApplication, LoggedInUser, System, wait_until
from tests.system.users import SCOPES

Make = Callable[[str], LoggedInUser]

ORDER = """
query ($id: ID!) {
  order(id: $id) {
    state paid buyer { username } seller { username } shop { name }
    total { amount currency } lines { title quantity price { amount } product { title } }
    history { what }
  }
}
"""


def sold(seller: LoggedInUser) -> tuple[str, dict[str, str]]:
    """Create a shop with a product; return it as an item of a cart."""
    shop = ask(seller, 'mutation{createShop(shop:{name:"Prints",currency:"EUR"}){id}}')
    sell = """
    mutation ($shop: ID!) {
      createProduct(
        product: {shopId: $shop, title: "A bridge", variants: [{price: 1250, stock: 5}]}
      ) { id variants { id } }
    }
    """
    id = shop["createShop"]["id"]
    product = ask(seller, sell, shop=id)["createProduct"]
    return id, {"productId": product["id"], "variantId": product["variants"][0]["id"]}


def bought(buyer: LoggedInUser, item: dict[str, str], card: str = "tok_ok", key: str = "1") -> str:
    """Place an order for two items."""
    add = """
    mutation ($item: CartItem!) {
      addToCart(item: $item) { total { amount } lines { title available } shop { name } }
    }
    """
    cart = ask(buyer, add, item={**item, "quantity": 2})["addToCart"]
    assert cart["total"] == {"amount": 2500}
    checkout = """
    mutation ($card: String!, $key: String!) {
      checkout(idempotencyKey: $key, card: $card, expectedTotal: 2500, currency: "EUR") { id }
    }
    """
    return str(ask(buyer, checkout, card=card, key=key)["checkout"]["id"])


def at_rest(person: LoggedInUser, order: str) -> Any:
    """Wait for the final state of an order."""

    def resting() -> Any:
        shown = ask(person, ORDER, id=order)["order"]
        return shown if shown["state"] in ("completed", "declined", "refunded") else None

    return wait_until(resting, what="the order")


def code(person: LoggedInUser, query: str, **variables: Any) -> str:
    said = send(person.base, person.token, query=query, variables=variables).json()
    found: str = said["errors"][0]["extensions"]["code"]
    return found


@pytest.fixture
def stranger(someone: Make) -> LoggedInUser:
    return someone("stranger")


def test_somebody_buys_and_is_paid_back(
    anna: LoggedInUser, ben: LoggedInUser, stranger: LoggedInUser
) -> None:
    shop, item = sold(anna)
    order = bought(ben, item)
    done = at_rest(ben, order)
    assert done["state"] == "completed"
    assert done["paid"]
    assert done["buyer"] == {"username": ben.name}
    assert done["seller"] == {"username": anna.name}
    assert done["lines"] == [
        {
            "title": "A bridge",
            "quantity": 2,
            "price": {"amount": 1250},
            "product": {"title": "A bridge"},
        }
    ]
    sales = "query ($shop: ID) { orders(role: SELLER, shopId: $shop) { nodes { id } } }"
    wait_until(lambda: ask(anna, sales, shop=shop)["orders"]["nodes"] == [{"id": order}])
    purchases = "{ orders { nodes { id } pageInfo { hasNextPage } } }"
    wait_until(lambda: ask(ben, purchases)["orders"]["nodes"] == [{"id": order}])
    refund = "mutation ($id: ID!) { refundOrder(id: $id) { state } }"
    for person in (stranger, ben):
        assert code(person, refund, id=order) in ("NOT_FOUND", "FORBIDDEN")
    ask(anna, refund, id=order)
    assert at_rest(ben, order)["state"] == "refunded"
    assert ask(anna, ORDER, id=order)["order"]["state"] == "refunded"


MISSING = ("NOT_FOUND", "FORBIDDEN")
NO_MORE = ("CONFLICT", "BAD_USER_INPUT")
MAY: dict[str, dict[str, tuple[str, ...]]] = {
    "Query.order": {"buyer": (), "seller": (), "stranger": MISSING, "admin": MISSING},
    "Mutation.cancelOrder": {
        "buyer": NO_MORE,
        "seller": MISSING,
        "stranger": MISSING,
        "admin": MISSING,
    },
    "Mutation.refundOrder": {
        "buyer": MISSING,
        "seller": NO_MORE,
        "stranger": MISSING,
        "admin": MISSING,
    },
    "Mutation.editShop": {"buyer": MISSING, "seller": (), "stranger": MISSING, "admin": MISSING},
    "Mutation.editProduct": {
        "buyer": MISSING,
        "seller": (),
        "stranger": MISSING,
        "admin": MISSING,
    },
    "Mutation.createProduct": {
        "buyer": MISSING,
        "seller": (),
        "stranger": MISSING,
        "admin": MISSING,
    },
    "Mutation.setStock": {"buyer": MISSING, "seller": (), "stranger": MISSING, "admin": MISSING},
    "Product.stock": {"buyer": MISSING, "seller": (), "stranger": MISSING, "admin": MISSING},
}
"""With which codes somebody is refused what is about one declined order and its shop; () if not."""

OPEN = {"Query.shop", "Query.shops", "Query.product", "Query.products", "Person.shops"}
"""For everybody."""

OWN = {
    *("Query.cart", "Query.orders", "Mutation.setCart", "Mutation.addToCart"),
    *("Mutation.setCartQuantity", "Mutation.checkout", "Mutation.createShop"),
}
"""For everybody, each their own."""

PARTS = {"Post.products", "Shop.products", "Line.product", "Product.shop"}
PARTS |= {f"{kind}.shop" for kind in ("Cart", "Order")}
"""Where one leads to another: tests/services/gateway/test_graphql_matrix.py."""

QUERIES = {
    "Query.order": "query ($order: ID!) { order(id: $order) { id } }",
    "Mutation.cancelOrder": "mutation ($order: ID!) { cancelOrder(id: $order) { id } }",
    "Mutation.refundOrder": "mutation ($order: ID!) { refundOrder(id: $order) { id } }",
    "Mutation.editShop": (
        "mutation ($shop: ID!) { editShop(id: $shop, version: 1, changes: {}) { id } }"
    ),
    "Mutation.editProduct": (
        "mutation ($product: ID!) { editProduct(id: $product, version: 1, changes: {}) { id } }"
    ),
    "Mutation.createProduct": (
        "mutation ($shop: ID!) { createProduct(product: "
        '{shopId: $shop, title: "x", variants: [{price: 1}]}) { id } }'
    ),
    "Mutation.setStock": (
        "mutation ($product: ID!, $variant: ID!) "
        "{ setStock(productId: $product, variantId: $variant, delta: 1) { onHand } }"
    ),
    "Product.stock": "query ($product: ID!) { product(id: $product) { stock { onHand } } }",
}


def test_every_field_of_the_shop_has_an_expectation() -> None:
    about = {"Order", "OrderConnection", "Cart", "Shop", "ShopConnection", "Product", "Stock"}
    about.add("ProductConnection")
    fields = {
        f"{name}.{field}"
        for name, kind in build_schema()._schema.type_map.items()
        if isinstance(kind, GraphQLObjectType) and not name.endswith(("Connection", "Edge"))
        for field, definition in kind.fields.items()
        if get_named_type(definition.type).name in about
    }
    assert fields == MAY.keys() | OPEN | OWN | PARTS
    assert MAY.keys() == QUERIES.keys()


def test_nobody_sees_or_changes_what_others_sell_and_buy(
    system: System, anna: LoggedInUser, ben: LoggedInUser, stranger: LoggedInUser, someone: Make
) -> None:
    shop, item = sold(anna)
    order = bought(ben, item, "tok_declined")
    assert at_rest(ben, order)["state"] == "declined"
    people = {"buyer": ben, "seller": anna, "stranger": stranger, "admin": overseer(system)}
    given = {
        "order": order,
        "shop": shop,
        "product": item["productId"],
        "variant": item["variantId"],
    }
    for field, expected in MAY.items():
        query = QUERIES[field]
        used = {name: value for name, value in given.items() if f"${name}:" in query}
        for role, codes in expected.items():
            person = people[role]
            said = send(person.base, person.token, query=query, variables=used).json()
            found = [error["extensions"]["code"] for error in said.get("errors", [])]
            assert found[0] in codes if codes else not found, (field, role, said)
    for role in ("stranger", "admin"):
        person = people[role]
        assert ask(person, "{ cart { lines { title } } }")["cart"] == {"lines": []}
        for side in ("BUYER", "SELLER"):
            lists = f"{{ orders(role: {side}) {{ nodes {{ id }} }} }}"
            assert ask(person, lists)["orders"]["nodes"] == []
        lists = "query ($shop: ID) { orders(role: SELLER, shopId: $shop) { nodes { id } } }"
        assert ask(person, lists, shop=shop)["orders"]["nodes"] == []
    order_notifications = (
        "{ notifications(types: [ORDER]) { nodes { type orderId what person { username } } } }"
    )

    def about() -> set[str]:
        return {node["orderId"] for node in ask(ben, order_notifications)["notifications"]["nodes"]}

    wait_until(lambda: about() == {order})


def overseer(system: System) -> LoggedInUser:
    """An admin with an admin token."""
    person = system.register("overseer")
    assert person.name in system.command("admin", person.name)
    app = ClientApplication.register(
        system.base, "oversight", [*SCOPES, "admin:read", "admin:write"]
    )
    client = app.client(person.token_for(app))
    wait_until(lambda: client.me().role.name == "Admin")
    return replace(person, client=client)


def test_bad_purchases_are_refused(anna: LoggedInUser, ben: LoggedInUser) -> None:
    _, item = sold(anna)
    add = "mutation ($item: CartItem!) { addToCart(item: $item) { revision } }"
    for quantity in (0, -1, 10**6):
        assert code(ben, add, item={**item, "quantity": quantity}) == "BAD_USER_INPUT"
    ask(ben, add, item=item)
    checkout = """
    mutation ($total: Minor!, $currency: String!) {
      checkout(
        idempotencyKey: "k", card: "tok_ok", expectedTotal: $total, currency: $currency
      ) { id }
    }
    """
    assert code(ben, checkout, total=1249, currency="EUR") == "CONFLICT"
    assert code(ben, checkout, total=1250, currency="USD") in ("CONFLICT", "BAD_USER_INPUT")
    assert code(ben, checkout, total=-1, currency="EUR") == "BAD_USER_INPUT"
    assert code(ben, checkout, total=1250, currency="XXX") == "BAD_USER_INPUT"
