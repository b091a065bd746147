from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.catalog.application.search_reindex import SearchReindexer
from services.catalog.repository import IndexedTerms, Repository
from services.chassis.service import Service
from services.contracts import limits
from tests.services.catalog.harness import CatalogHarness, SellerClient, codes


async def page(
    harness: CatalogHarness, seller: SellerClient | None = None, **params: str
) -> list[str]:
    if seller is None:
        found = await harness.read_anonymously("/products", **params)
    else:
        found = await seller.request_ok("GET", "/products", params=params)
    return [one["product"]["title"] for one in found["products"]]


async def test_an_offered_product_is_visible_to_everybody(harness: CatalogHarness) -> None:
    anna = harness.person()
    shop = await anna.create_shop(description="by hand")
    id, variant = await anna.create_product(
        "Mug", shop=shop, media_ids=["7", "8"], description="300 ml"
    )
    view = await harness.read_anonymously(f"/products/{id}")
    assert view["available"] == {variant: 10}
    assert view["version"] == 1
    product = view["product"]
    assert (product["title"], product["seller"], product["currency"]) == ("Mug", anna.id, "EUR")
    assert [picture["id"] for picture in product["pictures"]] == ["7", "8"]
    assert product["variants"] == [{"id": variant, "name": "blue", "price": 2400}]
    assert harness.others.claims == {"7": id, "8": id}
    assert (await harness.read_anonymously(f"/shops/{shop}"))["shop"]["description"] == "by hand"
    await harness.cluster.settle()
    assert [s["shop"]["id"] for s in (await harness.read_anonymously("/shops"))["shops"]] == [shop]
    assert await page(harness) == await page(harness, shop=shop) == ["Mug"]


async def test_the_same_idempotency_key_creates_the_same_document(harness: CatalogHarness) -> None:
    anna = harness.person()
    shops = [await anna.create_shop(idempotency_key="k") for _ in range(2)]
    assert shops[0] == shops[1]
    made = [await anna.create_product(shop=shops[0], idempotency_key="p") for _ in range(2)]
    assert made[0] == made[1]
    other = {"name": "Other", "currency": "EUR", "idempotency_key": "k"}
    refused = await anna.request("POST", "/shops", json=other)
    assert (refused.status, refused.json()["code"]) == (422, "key_reused")
    variants = [{"name": "a", "price": 1}, {"name": "b", "price": 1}]
    more = {"shop": shops[0], "title": "Mug", "variants": variants, "idempotency_key": "p"}
    refused = await anna.request("POST", "/products", json=more)
    assert (refused.status, refused.json()["code"]) == (422, "key_reused")


async def test_an_edit_requires_the_version_that_was_read(harness: CatalogHarness) -> None:
    anna = harness.person()
    id, variant = await anna.create_product()
    path = f"/products/{id}"
    assert (await anna.request("PATCH", path, json={"title": "Cup"})).status == 428
    assert (await anna.request("PATCH", path, version=2, json={"title": "Cup"})).status == 412
    edits = [anna.request("PATCH", path, version=1, json={"title": f"Cup {n}"}) for n in range(5)]
    answers = await asyncio.gather(*edits)
    assert sorted(codes(list(answers))) == ["", "changed", "changed", "changed", "changed"]
    won = next(one for one in answers if one.status == 200)
    assert won.headers["etag"] == '"2"'
    assert (await harness.read_anonymously(path))["product"]["title"] == won.json()["product"][
        "title"
    ]
    weird = await harness.catalog.call(
        "PATCH", path, token=anna.token, json={"title": "x"}, headers={"if-match": "W/*"}
    )
    assert weird.status == 412
    change = {"variants": [{"id": variant, "price": 9}, {"name": "white", "price": 5}]}
    edited = await anna.request_ok("PATCH", path, version=2, json=change)
    new = edited["product"]["variants"][1]
    assert edited["product"]["variants"][0] == {"id": variant, "name": "", "price": 9}
    assert edited["available"] == {variant: 10, new["id"]: 0}
    foreign = {"variants": [{"id": "123", "price": 9}]}
    assert (await anna.request("PATCH", path, version=3, json=foreign)).status == 422


async def test_an_archived_product_is_visible_to_its_seller_only(harness: CatalogHarness) -> None:
    anna, ben = harness.person(), harness.person()
    shop = await anna.create_shop()
    id, _ = await anna.create_product(shop=shop)
    await anna.request_ok("PATCH", f"/products/{id}", version=1, json={"archived": True})
    await harness.cluster.settle()
    assert (await ben.request("GET", f"/products/{id}")).status == 404
    assert (await anna.request_ok("GET", f"/products/{id}"))["product"]["archived"]
    assert (
        await page(harness, shop=shop) == await page(harness) == await page(harness, q="mug") == []
    )
    assert await page(harness, anna, shop=shop, archived="true") == ["Mug"]
    params = {"shop": shop, "archived": "true"}
    assert (await ben.request("GET", "/products", params=params)).status == 403
    await anna.request_ok("PATCH", f"/products/{id}", version=2, json={"archived": False})
    await harness.cluster.settle()
    assert await page(harness, shop=shop) == await page(harness, q="mug") == ["Mug"]


async def test_a_closed_shop_hides_its_products(harness: CatalogHarness) -> None:
    anna = harness.person()
    shop = await anna.create_shop()
    id, variant = await anna.create_product(shop=shop)
    await anna.request_ok("PATCH", f"/shops/{shop}", version=1, json={"archived": True})
    await harness.cluster.settle()
    assert (await harness.catalog.call("GET", f"/shops/{shop}")).status == 404
    assert (await harness.catalog.call("GET", f"/products/{id}")).status == 404
    assert await page(harness) == await page(harness, shop=shop) == []
    assert (await harness.read_anonymously("/shops"))["shops"] == []
    item = {"product": id, "variant": variant, "quantity": 1}
    assert (await harness.catalog.call("POST", "/quotes", json={"items": [item]})).status == 404


async def test_only_the_owner_may_edit(harness: CatalogHarness) -> None:
    anna, ben, reader = harness.person(), harness.person(), harness.person("read")
    shop = await anna.create_shop()
    id, variant = await anna.create_product(shop=shop)
    new = {"shop": shop, "title": "x", "variants": [{"price": 1}]}
    assert (await ben.request("POST", "/products", json=new)).status == 403
    assert (
        await ben.request("PATCH", f"/shops/{shop}", version=1, json={"name": "x"})
    ).status == 403
    assert (await ben.request("PATCH", f"/products/{id}", version=1, json={})).status == 403
    assert (await ben.request("GET", f"/products/{id}/stock")).status == 403
    count = f"/products/{id}/variants/{variant}/stock"
    assert (await ben.request("POST", count, json={"delta": 1})).status == 403
    assert (
        await reader.request("POST", "/shops", json={"name": "x", "currency": "EUR"})
    ).status == 403
    assert (await harness.catalog.call("POST", "/shops", json={})).status == 401
    assert (await harness.catalog.call("POST", "/reservations", json={})).status == 403


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": " "},
        {"title": "x" * 101},
        {"description": "x" * 2_201},
        {"variants": []},
        {"variants": [{"price": -1}]},
        {"variants": [{"price": 1.5}]},
        {"variants": [{"price": "1"}]},
        {"variants": [{"price": 10**12}]},
        {"variants": [{"price": 1, "stock": -1}]},
        {"variants": [{"name": "a", "price": 1}, {"name": " a ", "price": 2}]},
        {"variants": [{"name": str(n), "price": 1} for n in range(limits.MAX_VARIANTS + 1)]},
        {"media_ids": [str(n) for n in range(limits.MAX_PICTURES + 1)]},
    ],
    ids=str,
)
async def test_invalid_input_is_refused(harness: CatalogHarness, wrong: dict[str, Any]) -> None:
    anna = harness.person()
    body = {"shop": await anna.create_shop(), "title": "Mug", "variants": [{"price": 1}]}
    refused = await anna.request("POST", "/products", json=body | wrong)
    assert refused.status == 422, refused.text
    assert await page(harness) == []


async def test_the_number_of_shops_is_limited(harness: CatalogHarness) -> None:
    anna = harness.person()
    for number in range(limits.MAX_SHOPS):
        await anna.create_shop(f"Shop {number}")
    await harness.cluster.settle()
    refused = await anna.request("POST", "/shops", json={"name": "x", "currency": "EUR"})
    assert (refused.status, refused.json()["code"]) == (409, "too_many_shops")
    assert (
        await anna.request("POST", "/shops", json={"name": "x", "currency": "XXX"})
    ).status == 422


async def test_pages_continue_at_the_cursor(harness: CatalogHarness) -> None:
    anna = harness.person()
    shop = await anna.create_shop()
    for number in range(7):
        await anna.create_product(f"Mug {number}", shop=shop)
    await harness.cluster.settle()
    found: list[str] = []
    last = ""
    while True:
        params = {"shop": shop, "limit": "3", **({"max_id": last} if last else {})}
        answer = await harness.read_anonymously("/products", **params)
        found += [one["product"]["title"] for one in answer["products"]]
        last = answer["last"]
        if not last:
            break
    assert found == [f"Mug {number}" for number in reversed(range(7))]


async def test_a_search_finds_products_with_all_words(harness: CatalogHarness) -> None:
    anna = harness.person()
    shop, other = await anna.create_shop(), await anna.create_shop("Other")
    blue, _ = await anna.create_product("Green Mug", shop=shop, description="für Kaffee")
    await anna.create_product("Red mug", shop=other)
    await harness.cluster.settle()
    assert await page(harness, q="mug") == ["Red mug", "Green Mug"]
    assert await page(harness, q="MUG grEEn") == ["Green Mug"]
    assert await page(harness, q="fur kaffee") == ["Green Mug"]
    assert await page(harness, q="mug", shop=other) == ["Red mug"]
    assert await page(harness, q="mug tea") == await page(harness, q="?!") == []
    await anna.request_ok("PATCH", f"/products/{blue}", version=1, json={"title": "Bowl"})
    assert await page(harness, q="mug") == ["Red mug"]  # at once, whatever lists say
    await harness.cluster.settle()
    assert await page(harness, q="bowl") == ["Bowl"]
    assert await harness.list_ids("word", "mug") != []
    assert blue not in await harness.list_ids("word", "mug")


@pytest.mark.parametrize(
    ("title", "typed", "other"),
    [
        (
            "青いマグカップ",
            ["マグカップ", "カップ", "青い", "青", "プ", "青いマグカップ"],
            "青いカッターとマグネット",
        ),
        ("蓝色马克杯", ["马克杯", "杯", "色马"], "马和杯"),
        ("แก้วน้ำสีฟ้า", ["น้ำ", "สีฟ้า", "แก้ว"], "ฟ้าแก"),
        ("iPhoneケース", ["iphone", "ケース", "iPhoneケース"], "iPad"),
    ],
)
async def test_a_search_finds_parts_of_titles_in_scripts_without_blanks(
    harness: CatalogHarness, title: str, typed: list[str], other: str
) -> None:
    anna = harness.person()
    shop = await anna.create_shop()
    await anna.create_product(title, shop=shop)
    await anna.create_product("Mug", shop=shop)
    await anna.create_product(other, shop=shop)
    await harness.cluster.settle()
    for part in typed:
        assert title in await page(harness, q=part), part
        assert "Mug" not in await page(harness, q=part)
    assert await page(harness, q=typed[0]) == [title]
    assert await page(harness, q="Mu") == []


async def test_products_with_an_old_index_are_reindexed(harness: CatalogHarness) -> None:
    anna = harness.person()
    product, _ = await anna.create_product("青いマグカップ", shop=await anna.create_shop())
    await harness.cluster.settle()
    store = Repository(Service(harness.catalog.service.settings, harness.catalog.sidecar))
    for term in (await store.indexed_terms.get(product) or IndexedTerms()).words:
        await store.products_by_term.remove(term, [product])
    await store.indexed_terms.update(
        product, lambda _: IndexedTerms(("青いマグカップ",), whole=True)
    )
    await store.index_version.delete("all")
    assert await page(harness, q="マグカップ") == []
    await SearchReindexer(store).reindex()
    assert await page(harness, q="マグカップ") == ["青いマグカップ"]
    before = len(harness.catalog.sidecar.state.faults.calls)
    await SearchReindexer(store).reindex()
    assert len(harness.catalog.sidecar.state.faults.calls) == before + 1


async def test_the_cost_of_a_page_does_not_depend_on_the_number_of_products(
    harness: CatalogHarness,
) -> None:
    anna = harness.person()
    shop = await anna.create_shop()
    costs: list[list[int]] = []
    for total in (5, 25):
        for number in range(total):
            await anna.create_product(f"Mug {number}", shop=shop)
        await harness.cluster.settle()
        cost = []
        for params in ({"shop": shop}, {"q": "mug"}, {}, {"ids": ",".join("12345")}):
            before = harness.state_call_count()
            await harness.read_anonymously("/products", limit="4", **params)
            cost.append(harness.state_call_count() - before)
        costs.append(cost)
    assert costs[0] == costs[1]
    assert max(costs[0]) <= 5


async def test_the_products_of_a_suspended_seller_are_hidden(harness: CatalogHarness) -> None:
    anna = harness.person()
    shop = await anna.create_shop()
    id, _ = await anna.create_product(shop=shop)
    await anna.set_status(suspended=True)
    assert await page(harness) == await page(harness, q="mug") == await page(harness, ids=id) == []
    assert (await harness.catalog.call("GET", f"/shops/{shop}")).status == 404
    await anna.set_status()
    assert await page(harness) == ["Mug"]


async def test_the_shops_and_products_of_a_deleted_user_are_erased(harness: CatalogHarness) -> None:
    anna = harness.person()
    shops = [await anna.create_shop(name) for name in ("One", "Two")]
    made = [await anna.create_product(f"Mug {n}", shop=shops[n % 2]) for n in range(30)]
    late = asyncio.create_task(anna.create_product("Late", shop=shops[0]))
    await anna.set_status(deleted=True)
    made.append(await late)
    await harness.cluster.settle()
    state = harness.cluster.state("catalog")
    for id, _ in made:
        data = state.peek(f"product:{id}")["data"]
        assert data["deleted"]
        assert (data["title"], data["variants"]) == ("", [])
    for shop in shops:
        assert state.peek(f"shop:{shop}")["data"]["deleted"]
        assert await harness.list_ids("made", shop) == await harness.list_ids("offered", shop) == []
    for kind, id in (("harness", "all"), ("word", "mug"), ("owned", anna.id), ("shops", "all")):
        assert await harness.list_ids(kind, id) == []
    assert harness.cluster.broker.events("products")[-1]["data"]["deleted"]


@pytest.mark.parametrize("seed", range(4))
async def test_lists_match_the_products_whatever_the_order_of_events(
    harness: CatalogHarness, seed: int
) -> None:
    anna = harness.person()
    shop = await anna.create_shop()
    harness.cluster.broker.copies = 2
    harness.cluster.broker.hold()
    id, _ = await anna.create_product("first", shop=shop)
    for version, title in enumerate(("second", "first", "third", "first"), 1):
        await anna.request_ok("PATCH", f"/products/{id}", version=version, json={"title": title})
    harness.cluster.broker.release(seed=seed)
    await harness.cluster.settle()
    assert await page(harness, q="first") == ["first"]
    assert await harness.list_ids("word", "first") == [id]
    assert await harness.list_ids("word", "second") == await harness.list_ids("word", "third") == []


async def test_a_quote_has_the_current_prices(harness: CatalogHarness) -> None:
    anna = harness.person()
    id, variant = await anna.create_product(media_ids=["7"])
    item = {"product": id, "variant": variant, "quantity": 3}
    answer = await harness.catalog.call("POST", "/quotes", json={"items": [item]})
    line = answer.json()["lines"][0]
    assert (line["price"], line["quantity"], line["available"]) == (2400, 3, 10)
    assert (line["currency"], line["seller"], line["picture"]["id"]) == ("EUR", anna.id, "7")
    unknown = [item, {"product": id, "variant": "5"}, {"product": "6", "variant": "6"}]
    refused = await harness.catalog.call("POST", "/quotes", json={"items": unknown})
    assert (refused.status, refused.json()["code"]) == (404, "not_sold")
    assert refused.json()["variants"] == ["5", "6"]
    for quantity in (0, -1, limits.MAX_PIECES + 1, 1.5):
        wrong = {"items": [item | {"quantity": quantity}]}
        assert (await harness.catalog.call("POST", "/quotes", json=wrong)).status == 422


async def test_a_repeated_quote_costs_one_read_and_is_current(
    harness: CatalogHarness,
) -> None:
    """Related documents are read with a product, also those that were added since."""
    anna = harness.person()
    shop = await anna.create_shop()
    id, variant = await anna.create_product(shop=shop)
    await harness.add_replica()
    quoting, editing = harness.replicas[-1], harness.replicas[0]
    state = quoting.sidecar.state.faults

    async def asks(wanted: str = variant) -> Any:
        item = {"product": id, "variant": wanted, "quantity": 2}
        state.calls.clear()
        answer = await quoting.call("POST", "/quotes", json={"items": [item]})
        return answer.json()["lines"][0] if answer.status == 200 else answer.json()["code"]

    async def edits(version: int, **edit: Any) -> Any:
        headers = {"if-match": f'"{version}"'}
        path = f"/products/{id}"
        answer = await editing.call("PATCH", path, token=anna.token, headers=headers, json=edit)
        return answer.json()["product"]

    def reads() -> int:
        return sum(call.name == "get_many" for call in state.calls)

    assert ((await asks())["price"], reads()) == (2400, 2)
    assert ((await asks())["price"], reads()) == (2400, 1)
    more = [{"id": variant, "name": "blue", "price": 2500}, {"name": "red", "price": 9}]
    added = (await edits(1, variants=more))["variants"][1]["id"]
    path = f"/products/{id}/variants/{added}/stock"
    counted = await editing.call("POST", path, token=anna.token, json={"delta": 3})
    assert counted.json()["available"] == 3
    assert ((await asks(added))["available"], reads()) == (3, 2)
    assert ((await asks())["price"], reads()) == (2500, 1)
    closed = await anna.request("PATCH", f"/shops/{shop}", version=1, json={"archived": True})
    assert closed.status == 200
    assert (await asks(), reads()) == ("not_sold", 1)
