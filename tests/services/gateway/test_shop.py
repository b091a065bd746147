"""The shop API: problem details, ETags, cursors, and pictures from media."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.chassis.errors import OutcomeUnknown, ServiceError, Unavailable
from tests.fakes import Response
from tests.services.gateway.deployment import GatewayDeployment, SignedInUser
from tests.services.gateway.graphql_client import a_gateway

SHOP = "/api/shop/v1"


@pytest.fixture
async def ada(deployment: GatewayDeployment) -> SignedInUser:
    return await deployment.register("ada")


@pytest.fixture
async def empty() -> AsyncIterator[GatewayDeployment]:
    async with a_gateway() as made:
        yield made


async def ask(
    deployment: GatewayDeployment, method: str, path: str, token: str = "", **content: Any
) -> Response:
    """One request. Its errors are checked against RFC 9457."""
    answered = await deployment.ask(method, SHOP + path, token, **content)
    if answered.status >= 400:
        assert answered.headers["content-type"] == "application/problem+json"
        said = answered.json()
        assert said["status"] == answered.status
        assert said["type"] == f"urn:microgram:problem:{said['code']}"
        assert said["instance"] == SHOP + path.partition("?")[0]
        assert said["title"]
        assert said["detail"]
    return answered


async def made(deployment: GatewayDeployment, person: SignedInUser, path: str, **body: Any) -> Any:
    answered = await ask(deployment, "POST", path, person.token, json=body)
    assert answered.status == 201, answered.text
    return answered.json()


async def sold(
    deployment: GatewayDeployment, person: SignedInUser, title: str = "Mug", **more: Any
) -> Any:
    shop = more.pop("shop", None) or (
        await made(deployment, person, "/shops", name="Pottery", currency="EUR")
    )
    variants = [{"name": "blue", "price": 2400, "stock": 3}]
    return await made(
        deployment, person, "/products", shop=shop["id"], title=title, variants=variants, **more
    )


async def test_a_product_with_a_picture_is_public(
    deployment: GatewayDeployment, ada: SignedInUser
) -> None:
    uploaded = await ada.upload()
    product = await sold(deployment, ada, media_ids=[uploaded["id"]])
    answered = await ask(deployment, "GET", f"/products/{product['id']}")
    assert answered.headers["etag"] == '"1"'
    assert answered.json() == product
    assert product["variants"][0]["price"] == {
        "amount": 2400,
        "currency": "EUR",
        "decimal": "24.00",
    }
    assert product["variants"][0]["available"] == 3
    assert product["pictures"][0]["url"] == uploaded["url"]
    item = {"product": product["id"], "variant": product["variants"][0]["id"], "quantity": 2}
    quote = await ask(deployment, "POST", "/quotes", json={"items": [item]})
    assert quote.json()["items"][0]["total"]["decimal"] == "48.00"


async def test_a_change_requires_if_match(deployment: GatewayDeployment, ada: SignedInUser) -> None:
    id = (await sold(deployment, ada))["id"]
    change = {"title": "Cup"}
    path = f"/products/{id}"
    assert (await ask(deployment, "PATCH", path, ada.token, json=change)).status == 428
    old = {"if-match": '"7"'}
    assert (await ask(deployment, "PATCH", path, ada.token, json=change, headers=old)).status == 412
    seen = {"if-match": '"1"'}
    edited = await ask(deployment, "PATCH", path, ada.token, json=change, headers=seen)
    assert (edited.status, edited.headers["etag"], edited.json()["title"]) == (200, '"2"', "Cup")
    assert (await ask(deployment, "DELETE", path, ada.token, headers=seen)).status == 412
    for other in ('W/"2"', '"1", "3"', "rubbish"):
        old = {"if-match": other}
        assert (await ask(deployment, "DELETE", path, ada.token, headers=old)).status == 412, other
    for number, whichever in enumerate(("*", '"1", "3"', '"x",W/"1" , "4"'), 3):
        change = {"title": f"Cup {number}"}
        seen = {"if-match": whichever}
        edited = await ask(deployment, "PATCH", path, ada.token, json=change, headers=seen)
        assert (edited.status, edited.headers["etag"]) == (200, f'"{number}"')
    now = {"if-match": edited.headers["etag"]}
    assert (await ask(deployment, "DELETE", path, ada.token, headers=now)).json()["archived"]
    assert (await ask(deployment, "GET", path)).status == 404
    assert (await ask(deployment, "GET", path, ada.token)).status == 200


async def test_if_none_match_returns_304(deployment: GatewayDeployment, ada: SignedInUser) -> None:
    product = await sold(deployment, ada)
    shop = product["shop_id"]
    for path in (f"/products/{product['id']}", f"/shops/{shop}"):
        for known in ('"1"', 'W/"1"', '"7", "1"', "*", "1"):
            headers = {"if-none-match": known}
            same = await ask(deployment, "GET", path, headers=headers)
            assert (same.status, same.text, same.headers["etag"]) == (304, "", '"1"'), known
        for other in ('"7"', 'W/"7", "x"', '"', ""):
            assert (
                await ask(deployment, "GET", path, headers={"if-none-match": other})
            ).status == 200
        for wanted, status in (('"1"', 200), ("*", 200), ('W/"1"', 412), ('"7"', 412)):
            read = await ask(deployment, "GET", path, headers={"if-match": wanted})
            assert read.status == status, wanted
    nowhere = await ask(deployment, "GET", "/products/1", headers={"if-none-match": "*"})
    assert nowhere.status == 404


async def test_stock_is_set_with_its_revision_and_adjusted_once(
    deployment: GatewayDeployment, ada: SignedInUser
) -> None:
    product = await sold(deployment, ada)
    path = f"/products/{product['id']}/variants/{product['variants'][0]['id']}/stock"
    assert (await ask(deployment, "PUT", path, ada.token, json={"on_hand": 9})).status == 428
    seen = {"if-match": '"1"'}
    counted = await ask(deployment, "PUT", path, ada.token, json={"on_hand": 9}, headers=seen)
    assert (counted.json()["on_hand"], counted.headers["etag"]) == (9, '"2"')
    again = await ask(deployment, "PUT", path, ada.token, json={"on_hand": 5}, headers=seen)
    assert again.status == 412
    for others in ('W/"2"', '"1", "3"', "rubbish", ""):
        other = {"if-match": others}
        refused = await ask(deployment, "PUT", path, ada.token, json={"on_hand": 5}, headers=other)
        assert refused.status == 412, others
    for whichever in ("*", '"1", "3"', "4"):
        allowed = {"if-match": whichever}
        pieces = 9 if whichever == "4" else 8 if whichever == "*" else 7
        counted = await ask(
            deployment, "PUT", path, ada.token, json={"on_hand": pieces}, headers=allowed
        )
        assert counted.json()["on_hand"] == pieces
    key = {"idempotency-key": "delivery"}
    for _ in range(2):
        adjusted = await ask(
            deployment, "POST", f"{path}/adjustments", ada.token, json={"delta": -2}, headers=key
        )
        assert adjusted.json()["on_hand"] == 7
    few = await ask(deployment, "POST", f"{path}/adjustments", ada.token, json={"delta": -8})
    assert (few.status, few.json()["code"]) == (409, "stock_held")
    stocks = await ask(deployment, "GET", f"/products/{product['id']}/stock", ada.token)
    assert [row["available"] for row in stocks.json()["items"]] == [7]


async def test_pages_are_linked_by_their_cursor(
    deployment: GatewayDeployment, ada: SignedInUser
) -> None:
    shop = await made(deployment, ada, "/shops", name="Pottery", currency="EUR")
    for number in range(5):
        await sold(deployment, ada, f"Mug {number}", shop=shop)
    await deployment.cluster.settle()
    path = f"/products?q=mug&shop={shop['id']}&limit=2"
    titles: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await ask(deployment, "GET", f"{path}&cursor={cursor}" if cursor else path)
        titles += [row["title"] for row in page.json()["items"]]
        cursor = page.json()["next_cursor"]
        assert ("link" in page.headers) == (cursor is not None)
        if cursor:
            assert f"cursor={cursor}>" in page.headers["link"]
    assert titles == [f"Mug {number}" for number in reversed(range(5))]
    assert [s["id"] for s in (await ask(deployment, "GET", "/shops")).json()["items"]] == [
        shop["id"]
    ]


async def test_errors_are_problem_details(deployment: GatewayDeployment, ada: SignedInUser) -> None:
    bob = await deployment.register("bob")
    product = await sold(deployment, ada)
    path = f"/products/{product['id']}"
    seen = {"if-match": '"1"'}
    refusals = [
        await ask(deployment, "POST", "/shops", json={"name": "x", "currency": "EUR"}),
        await ask(deployment, "PATCH", path, bob.token, json={"title": "x"}, headers=seen),
        await ask(deployment, "GET", "/products/1"),
        await ask(deployment, "GET", "/products/x"),
        await ask(deployment, "GET", "/products?limit=1000"),
        await ask(deployment, "GET", "/products?cursor=x"),
        await ask(deployment, "POST", "/products", ada.token, json={"title": "x"}),
        await ask(deployment, "POST", "/products", ada.token, data=b"{"),
    ]
    assert [refused.status for refused in refusals] == [401, 403, 404, 404, 422, 422, 422, 422]
    gone = {"items": [{"product": "1", "variant": "2"}]}
    quote = await ask(deployment, "POST", "/quotes", json=gone)
    assert (quote.json()["code"], quote.json()["variants"]) == ("not_sold", ["2"])


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/shops", "GET, POST"),
        ("POST", "/products/1", "DELETE, GET, PATCH"),
        ("PUT", "/quotes", "POST"),
        ("GET", "/checkouts", "POST"),
        ("BREW", "/cart", "GET, PUT"),
    ],
)
async def test_an_unsupported_method_is_a_problem(
    empty: GatewayDeployment, method: str, path: str, allow: str
) -> None:
    refused = await ask(empty, method, path)
    assert (refused.status, refused.headers["allow"]) == (405, allow)


@pytest.mark.parametrize("method", ["GET", "POST", "BREW"])
async def test_an_unknown_path_is_a_problem(empty: GatewayDeployment, method: str) -> None:
    for path in ("/nothing", "/products/1/2", ""):
        refused = await ask(empty, method, path)
        assert (refused.status, refused.json()["code"]) == (404, "not_found")
    for path in ("/api/shop", "/api/shop/", "/api/shop/v9/products", "/api/shop/caf%C3%A9 x"):
        refused = await empty.ask(method, path)
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["instance"].isascii()
    elsewhere = await empty.ask(method, "/api/shops")
    assert elsewhere.json() == {"error": "Not Found"}


async def test_rate_limiting_is_a_problem() -> None:
    async with a_gateway(microgram_limit_address=1) as deployment:
        await ask(deployment, "GET", "/nothing")
        refused = await ask(deployment, "GET", "/nothing")
    assert (refused.status, refused.json()["code"]) == (429, "too_many")
    assert int(refused.headers["retry-after"]) > 0


@pytest.mark.parametrize("error", [Unavailable("it is away"), OutcomeUnknown("it is slow")])
async def test_an_unavailable_service_is_a_problem(
    empty: GatewayDeployment, error: ServiceError
) -> None:
    empty.gateway.sidecar.faults.fail("invoke", about="catalog", error=error, times=9)
    refused = await ask(empty, "GET", "/shops")
    assert (refused.status, refused.json()["code"]) == (503, error.code)
    assert refused.headers["retry-after"]
    assert error.message not in refused.text


async def test_the_same_idempotency_key_creates_one_product(
    deployment: GatewayDeployment, ada: SignedInUser
) -> None:
    shop = await made(deployment, ada, "/shops", name="Pottery", currency="EUR")
    body = {"shop": shop["id"], "title": "Mug", "variants": [{"price": 5}]}
    key = {"idempotency-key": "k"}
    ids = {
        (await ask(deployment, "POST", "/products", ada.token, json=body, headers=key)).json()["id"]
        for _ in range(2)
    }
    assert len(ids) == 1


# ── what posts show ─────────────────────────────────────────────────────────────────────────────


def calls(deployment: GatewayDeployment, app: str) -> int:
    """How often the gateway invoked a service."""
    seen = deployment.gateway.sidecar.faults.calls
    return sum(call.name == "invoke" and call.about[0] == app for call in seen)


async def home(deployment: GatewayDeployment, person: SignedInUser) -> list[list[str]]:
    """The titles of the products of each post in the home timeline."""
    page = (await person.ask("GET", "/api/v1/timelines/home")).json()
    return [[card["title"] for card in status["products"]] for status in page]


async def posted(person: SignedInUser, text: str, *products: str) -> Any:
    answered = await person.ask(
        "POST", "/api/v1/statuses", json={"status": text, "product_ids": products}
    )
    assert answered.status == 200, answered.text
    return answered.json()


async def test_a_post_shows_products_while_they_are_sold(
    deployment: GatewayDeployment, ada: SignedInUser
) -> None:
    shop = await made(deployment, ada, "/shops", name="Pottery", currency="EUR")
    mug, bowl = [await sold(deployment, ada, title, shop=shop) for title in ("Mug", "Bowl")]
    status = await posted(ada, "new in", bowl["id"], mug["id"], "404")
    assert [card["title"] for card in status["products"]] == ["Bowl", "Mug"]
    assert status["products"][0]["price"]["decimal"] == "24.00"
    await deployment.cluster.settle()
    assert await home(deployment, ada) == [["Bowl", "Mug"]]
    seen = {"if-match": '"1"'}
    await ask(deployment, "DELETE", f"/products/{mug['id']}", ada.token, headers=seen)
    assert await home(deployment, ada) == [["Bowl"]]
    path = f"/api/v1/statuses/{status['id']}"
    edited = await ada.ask("PUT", path, json={"status": "sold out", "product_ids": []})
    assert edited.json()["products"] == []
    await deployment.cluster.settle()
    assert await home(deployment, ada) == [[]]


async def test_products_cost_at_most_one_call_per_page(
    deployment: GatewayDeployment, ada: SignedInUser
) -> None:
    shop = await made(deployment, ada, "/shops", name="Pottery", currency="EUR")
    products = [(await sold(deployment, ada, f"Mug {n}", shop=shop))["id"] for n in range(3)]
    for number in range(3):
        await posted(ada, f"plain {number}")
    await deployment.cluster.settle()
    before = calls(deployment, "catalog"), calls(deployment, "feed")
    assert await home(deployment, ada) == [[], [], []]
    assert (calls(deployment, "catalog"), calls(deployment, "feed")) == (before[0], before[1] + 1)
    for product in products:
        await posted(ada, "tagged", product)
    await deployment.cluster.settle()
    before = calls(deployment, "catalog"), calls(deployment, "feed")
    assert len(await home(deployment, ada)) == 6
    assert (calls(deployment, "catalog"), calls(deployment, "feed")) == (
        before[0] + 1,
        before[1] + 1,
    )


async def test_posts_are_shown_without_products_if_the_catalog_fails(
    deployment: GatewayDeployment, ada: SignedInUser
) -> None:
    product = await sold(deployment, ada)
    await posted(ada, "tagged", product["id"])
    await deployment.cluster.settle()
    deployment.gateway.sidecar.faults.fail("invoke", about="catalog", times=3)
    assert await home(deployment, ada) == [[]]
    assert await home(deployment, ada) == [["Mug"]]


async def test_a_post_shows_a_bounded_number_of_products(
    deployment: GatewayDeployment, ada: SignedInUser
) -> None:
    many = {"status": "x", "product_ids": [str(n) for n in range(1, 7)]}
    assert (await ada.ask("POST", "/api/v1/statuses", json=many)).status == 422
    odd = {"status": "x", "product_ids": ["a"]}
    assert (await ada.ask("POST", "/api/v1/statuses", json=odd)).status == 404
