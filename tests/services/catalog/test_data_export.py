"""What a seller gets of their shops for their archive."""

from __future__ import annotations

import pytest

from services.chassis import data_export
from tests.services.belongings import belongings, is_for_the_archivist_alone
from tests.services.catalog.harness import CatalogHarness


async def test_a_seller_gets_all_that_they_sell_with_what_is_left_of_it(
    market: CatalogHarness,
) -> None:
    anna, ben = market.person(), market.person()
    shop = await anna.create_shop(description="by hand")
    mug, blue = await anna.create_product("Mug", shop=shop, media_ids=["7"], description="300 ml")
    jug, _ = await anna.create_product("Jug", shop=shop)
    await ben.create_product("Hat")
    await anna.request_ok("PATCH", f"/products/{jug}", version=1, json={"archived": True})
    await anna.request_ok("PATCH", f"/shops/{shop}", version=1, json={"archived": True})
    await market.reserve("116548273934401537", (blue, 3))
    await market.world.settle()

    (given,) = await belongings(market.catalog, anna.id, "shops")
    assert (given["id"], given["name"], given["description"]) == (shop, "Pottery", "by hand")
    assert (given["owner"], given["currency"], given["archived"]) == (anna.id, "EUR", True)
    products = await belongings(market.catalog, anna.id, "products")
    assert [(one["title"], one["archived"]) for one in products] == [("Jug", True), ("Mug", False)]
    assert (products[1]["id"], products[1]["shop"]) == (mug, shop)
    assert [picture["id"] for picture in products[1]["pictures"]] == ["7"]
    assert products[1]["variants"] == [
        {"id": blue, "name": "blue", "price": 2400, "on_hand": 10, "held": 3, "available": 7}
    ]
    assert "fingerprint" not in products[1]


async def test_products_of_several_shops_come_page_by_page_newest_first(
    market: CatalogHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = market.person()
    shops = [await anna.create_shop(name) for name in ("one", "two", "three", "empty")]
    made = [(await anna.create_product(f"{n}", shop=shops[n % 3]))[0] for n in range(10)]
    await market.world.settle()
    for page in (1, 3, 5, 40):
        monkeypatch.setattr(data_export, "PAGE_SIZE", page)
        products = await belongings(market.catalog, anna.id, "products")
        assert [one["id"] for one in products] == made[::-1]
        found = await belongings(market.catalog, anna.id, "shops")
        assert [one["id"] for one in found] == shops[::-1]


async def test_who_sells_nothing_gets_nothing(market: CatalogHarness) -> None:
    anna = market.person()
    for kind in ("shops", "products"):
        assert await belongings(market.catalog, anna.id, kind) == []


async def test_a_page_of_products_costs_the_same_however_many_there_are(
    market: CatalogHarness,
) -> None:
    anna = market.person()
    for _ in range(2):
        shop = await anna.create_shop()
        for n in range(4):
            await anna.create_product(f"{n}", shop=shop)
    await market.world.settle()
    before = market.state_call_count()
    assert len(await belongings(market.catalog, anna.id, "products")) == 8
    assert market.state_call_count() - before == 4


@pytest.mark.parametrize("kind", ["shops", "products"])
async def test_it_is_for_the_archivist_alone(market: CatalogHarness, kind: str) -> None:
    anna = market.person()
    assert await is_for_the_archivist_alone(market.catalog, anna.id, kind, anna.token)
