"""The shop's own API: problem details, ETags, cursors, and pictures from media."""

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
async def ada(place: GatewayDeployment) -> SignedInUser:
    return await place.register("ada")


@pytest.fixture
async def empty() -> AsyncIterator[GatewayDeployment]:
    async with a_gateway() as made:
        yield made


async def ask(
    place: GatewayDeployment, method: str, path: str, token: str = "", **content: Any
) -> Response:
    """One request, whose refusal is held to RFC 9457."""
    answered = await place.ask(method, SHOP + path, token, **content)
    if answered.status >= 400:
        assert answered.headers["content-type"] == "application/problem+json"
        said = answered.json()
        assert said["status"] == answered.status
        assert said["type"] == f"urn:microgram:problem:{said['code']}"
        assert said["instance"] == SHOP + path.partition("?")[0]
        assert said["title"]
        assert said["detail"]
    return answered


async def made(place: GatewayDeployment, person: SignedInUser, path: str, **body: Any) -> Any:
    answered = await ask(place, "POST", path, person.token, json=body)
    assert answered.status == 201, answered.text
    return answered.json()


async def sold(
    place: GatewayDeployment, person: SignedInUser, title: str = "Mug", **more: Any
) -> Any:
    shop = more.pop("shop", None) or (
        await made(place, person, "/shops", name="Pottery", currency="EUR")
    )
    variants = [{"name": "blue", "price": 2400, "stock": 3}]
    return await made(
        place, person, "/products", shop=shop["id"], title=title, variants=variants, **more
    )


async def test_a_product_with_a_picture_is_shown_to_everybody(
    place: GatewayDeployment, ada: SignedInUser
) -> None:
    uploaded = await ada.upload()
    product = await sold(place, ada, media_ids=[uploaded["id"]])
    answered = await ask(place, "GET", f"/products/{product['id']}")
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
    quote = await ask(place, "POST", "/quotes", json={"items": [item]})
    assert quote.json()["items"][0]["total"]["decimal"] == "48.00"


async def test_a_change_says_what_was_read(place: GatewayDeployment, ada: SignedInUser) -> None:
    id = (await sold(place, ada))["id"]
    change = {"title": "Cup"}
    path = f"/products/{id}"
    assert (await ask(place, "PATCH", path, ada.token, json=change)).status == 428
    old = {"if-match": '"7"'}
    assert (await ask(place, "PATCH", path, ada.token, json=change, headers=old)).status == 412
    seen = {"if-match": '"1"'}
    edited = await ask(place, "PATCH", path, ada.token, json=change, headers=seen)
    assert (edited.status, edited.headers["etag"], edited.json()["title"]) == (200, '"2"', "Cup")
    assert (await ask(place, "DELETE", path, ada.token, headers=seen)).status == 412
    for other in ('W/"2"', '"1", "3"', "rubbish"):
        old = {"if-match": other}
        assert (await ask(place, "DELETE", path, ada.token, headers=old)).status == 412, other
    for number, whichever in enumerate(("*", '"1", "3"', '"x",W/"1" , "4"'), 3):
        change = {"title": f"Cup {number}"}
        seen = {"if-match": whichever}
        edited = await ask(place, "PATCH", path, ada.token, json=change, headers=seen)
        assert (edited.status, edited.headers["etag"]) == (200, f'"{number}"')
    now = {"if-match": edited.headers["etag"]}
    assert (await ask(place, "DELETE", path, ada.token, headers=now)).json()["archived"]
    assert (await ask(place, "GET", path)).status == 404
    assert (await ask(place, "GET", path, ada.token)).status == 200


async def test_who_has_read_the_newest_version_is_told_so(
    place: GatewayDeployment, ada: SignedInUser
) -> None:
    product = await sold(place, ada)
    shop = product["shop_id"]
    for path in (f"/products/{product['id']}", f"/shops/{shop}"):
        for known in ('"1"', 'W/"1"', '"7", "1"', "*", "1"):
            headers = {"if-none-match": known}
            same = await ask(place, "GET", path, headers=headers)
            assert (same.status, same.text, same.headers["etag"]) == (304, "", '"1"'), known
        for other in ('"7"', 'W/"7", "x"', '"', ""):
            assert (await ask(place, "GET", path, headers={"if-none-match": other})).status == 200
        for wanted, status in (('"1"', 200), ("*", 200), ('W/"1"', 412), ('"7"', 412)):
            read = await ask(place, "GET", path, headers={"if-match": wanted})
            assert read.status == status, wanted
    nowhere = await ask(place, "GET", "/products/1", headers={"if-none-match": "*"})
    assert nowhere.status == 404


async def test_stock_is_set_by_who_has_seen_it_and_adjusted_once(
    place: GatewayDeployment, ada: SignedInUser
) -> None:
    product = await sold(place, ada)
    path = f"/products/{product['id']}/variants/{product['variants'][0]['id']}/stock"
    assert (await ask(place, "PUT", path, ada.token, json={"on_hand": 9})).status == 428
    seen = {"if-match": '"1"'}
    counted = await ask(place, "PUT", path, ada.token, json={"on_hand": 9}, headers=seen)
    assert (counted.json()["on_hand"], counted.headers["etag"]) == (9, '"2"')
    again = await ask(place, "PUT", path, ada.token, json={"on_hand": 5}, headers=seen)
    assert again.status == 412
    for others in ('W/"2"', '"1", "3"', "rubbish", ""):
        other = {"if-match": others}
        refused = await ask(place, "PUT", path, ada.token, json={"on_hand": 5}, headers=other)
        assert refused.status == 412, others
    for whichever in ("*", '"1", "3"', "4"):
        allowed = {"if-match": whichever}
        pieces = 9 if whichever == "4" else 8 if whichever == "*" else 7
        counted = await ask(
            place, "PUT", path, ada.token, json={"on_hand": pieces}, headers=allowed
        )
        assert counted.json()["on_hand"] == pieces
    key = {"idempotency-key": "delivery"}
    for _ in range(2):
        adjusted = await ask(
            place, "POST", f"{path}/adjustments", ada.token, json={"delta": -2}, headers=key
        )
        assert adjusted.json()["on_hand"] == 7
    few = await ask(place, "POST", f"{path}/adjustments", ada.token, json={"delta": -8})
    assert (few.status, few.json()["code"]) == (409, "stock_held")
    stocks = await ask(place, "GET", f"/products/{product['id']}/stock", ada.token)
    assert [row["available"] for row in stocks.json()["items"]] == [7]


async def test_pages_follow_their_cursor(place: GatewayDeployment, ada: SignedInUser) -> None:
    shop = await made(place, ada, "/shops", name="Pottery", currency="EUR")
    for number in range(5):
        await sold(place, ada, f"Mug {number}", shop=shop)
    await place.cluster.settle()
    path = f"/products?q=mug&shop={shop['id']}&limit=2"
    titles: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await ask(place, "GET", f"{path}&cursor={cursor}" if cursor else path)
        titles += [row["title"] for row in page.json()["items"]]
        cursor = page.json()["next_cursor"]
        assert ("link" in page.headers) == (cursor is not None)
        if cursor:
            assert f"cursor={cursor}>" in page.headers["link"]
    assert titles == [f"Mug {number}" for number in reversed(range(5))]
    assert [s["id"] for s in (await ask(place, "GET", "/shops")).json()["items"]] == [shop["id"]]


async def test_what_is_wrong_is_a_problem(place: GatewayDeployment, ada: SignedInUser) -> None:
    bob = await place.register("bob")
    product = await sold(place, ada)
    path = f"/products/{product['id']}"
    seen = {"if-match": '"1"'}
    refusals = [
        await ask(place, "POST", "/shops", json={"name": "x", "currency": "EUR"}),
        await ask(place, "PATCH", path, bob.token, json={"title": "x"}, headers=seen),
        await ask(place, "GET", "/products/1"),
        await ask(place, "GET", "/products/x"),
        await ask(place, "GET", "/products?limit=1000"),
        await ask(place, "GET", "/products?cursor=x"),
        await ask(place, "POST", "/products", ada.token, json={"title": "x"}),
        await ask(place, "POST", "/products", ada.token, data=b"{"),
    ]
    assert [refused.status for refused in refusals] == [401, 403, 404, 404, 422, 422, 422, 422]
    gone = {"items": [{"product": "1", "variant": "2"}]}
    quote = await ask(place, "POST", "/quotes", json=gone)
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
async def test_a_method_that_an_address_does_not_have_is_a_problem_too(
    empty: GatewayDeployment, method: str, path: str, allow: str
) -> None:
    refused = await ask(empty, method, path)
    assert (refused.status, refused.headers["allow"]) == (405, allow)


@pytest.mark.parametrize("method", ["GET", "POST", "BREW"])
async def test_so_is_an_address_that_there_is_not(empty: GatewayDeployment, method: str) -> None:
    for path in ("/nothing", "/products/1/2", ""):
        refused = await ask(empty, method, path)
        assert (refused.status, refused.json()["code"]) == (404, "not_found")
    for path in ("/api/shop", "/api/shop/", "/api/shop/v9/products", "/api/shop/caf%C3%A9 x"):
        refused = await empty.ask(method, path)
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["instance"].isascii()
    elsewhere = await empty.ask(method, "/api/shops")
    assert elsewhere.json() == {"error": "Not Found"}


async def test_so_are_too_many_requests() -> None:
    async with a_gateway(microgram_limit_address=1) as place:
        await ask(place, "GET", "/nothing")
        refused = await ask(place, "GET", "/nothing")
    assert (refused.status, refused.json()["code"]) == (429, "too_many")
    assert int(refused.headers["retry-after"]) > 0


@pytest.mark.parametrize("error", [Unavailable("it is away"), OutcomeUnknown("it is slow")])
async def test_so_is_what_is_not_there_right_now(
    empty: GatewayDeployment, error: ServiceError
) -> None:
    empty.gateway.sidecar.faults.fail("invoke", about="catalog", error=error, times=9)
    refused = await ask(empty, "GET", "/shops")
    assert (refused.status, refused.json()["code"]) == (503, error.code)
    assert refused.headers["retry-after"]
    assert error.message not in refused.text


async def test_the_same_key_makes_one_product(place: GatewayDeployment, ada: SignedInUser) -> None:
    shop = await made(place, ada, "/shops", name="Pottery", currency="EUR")
    body = {"shop": shop["id"], "title": "Mug", "variants": [{"price": 5}]}
    key = {"idempotency-key": "k"}
    ids = {
        (await ask(place, "POST", "/products", ada.token, json=body, headers=key)).json()["id"]
        for _ in range(2)
    }
    assert len(ids) == 1


# ── what posts show ─────────────────────────────────────────────────────────────────────────────


def calls(place: GatewayDeployment, app: str) -> int:
    """How often the gateway has asked a service."""
    seen = place.gateway.sidecar.faults.calls
    return sum(call.name == "invoke" and call.about[0] == app for call in seen)


async def home(place: GatewayDeployment, person: SignedInUser) -> list[list[str]]:
    """The titles of the products under each post at home."""
    page = (await person.ask("GET", "/api/v1/timelines/home")).json()
    return [[card["title"] for card in status["products"]] for status in page]


async def posted(person: SignedInUser, text: str, *products: str) -> Any:
    answered = await person.ask(
        "POST", "/api/v1/statuses", json={"status": text, "product_ids": products}
    )
    assert answered.status == 200, answered.text
    return answered.json()


async def test_a_post_shows_products_for_as_long_as_they_are_sold(
    place: GatewayDeployment, ada: SignedInUser
) -> None:
    shop = await made(place, ada, "/shops", name="Pottery", currency="EUR")
    mug, bowl = [await sold(place, ada, title, shop=shop) for title in ("Mug", "Bowl")]
    status = await posted(ada, "new in", bowl["id"], mug["id"], "404")
    assert [card["title"] for card in status["products"]] == ["Bowl", "Mug"]
    assert status["products"][0]["price"]["decimal"] == "24.00"
    await place.cluster.settle()
    assert await home(place, ada) == [["Bowl", "Mug"]]
    seen = {"if-match": '"1"'}
    await ask(place, "DELETE", f"/products/{mug['id']}", ada.token, headers=seen)
    assert await home(place, ada) == [["Bowl"]]
    path = f"/api/v1/statuses/{status['id']}"
    edited = await ada.ask("PUT", path, json={"status": "sold out", "product_ids": []})
    assert edited.json()["products"] == []
    await place.cluster.settle()
    assert await home(place, ada) == [[]]


async def test_products_cost_one_call_a_page_and_none_where_there_are_none(
    place: GatewayDeployment, ada: SignedInUser
) -> None:
    shop = await made(place, ada, "/shops", name="Pottery", currency="EUR")
    products = [(await sold(place, ada, f"Mug {n}", shop=shop))["id"] for n in range(3)]
    for number in range(3):
        await posted(ada, f"plain {number}")
    await place.cluster.settle()
    before = calls(place, "catalog"), calls(place, "feed")
    assert await home(place, ada) == [[], [], []]
    assert (calls(place, "catalog"), calls(place, "feed")) == (before[0], before[1] + 1)
    for product in products:
        await posted(ada, "tagged", product)
    await place.cluster.settle()
    before = calls(place, "catalog"), calls(place, "feed")
    assert len(await home(place, ada)) == 6
    assert (calls(place, "catalog"), calls(place, "feed")) == (before[0] + 1, before[1] + 1)


async def test_posts_are_shown_without_products_where_the_catalog_is_away(
    place: GatewayDeployment, ada: SignedInUser
) -> None:
    product = await sold(place, ada)
    await posted(ada, "tagged", product["id"])
    await place.cluster.settle()
    place.gateway.sidecar.faults.fail("invoke", about="catalog", times=3)
    assert await home(place, ada) == [[]]
    assert await home(place, ada) == [["Mug"]]


async def test_a_post_shows_a_few_products_at_most(
    place: GatewayDeployment, ada: SignedInUser
) -> None:
    many = {"status": "x", "product_ids": [str(n) for n in range(1, 7)]}
    assert (await ada.ask("POST", "/api/v1/statuses", json=many)).status == 422
    odd = {"status": "x", "product_ids": ["a"]}
    assert (await ada.ask("POST", "/api/v1/statuses", json=odd)).status == 404
