"""The data export of a seller."""

from __future__ import annotations

import pytest

from services.chassis import data_export
from tests.services.belongings import belongings, is_for_the_archivist_alone
from tests.services.catalog.harness import CatalogHarness


async def test_a_seller_exports_all_products_with_their_stock(
    harness: CatalogHarness,
) -> None:
    anna, ben = harness.person(), harness.person()
    shop = await anna.create_shop(description="by hand")
    mug, blue = await anna.create_product("Mug", shop=shop, media_ids=["7"], description="300 ml")
    jug, _ = await anna.create_product("Jug", shop=shop)
    await ben.create_product("Hat")
    await anna.request_ok("PATCH", f"/products/{jug}", version=1, json={"archived": True})
    await anna.request_ok("PATCH", f"/shops/{shop}", version=1, json={"archived": True})
    await harness.reserve("116548273934401537", (blue, 3))
    await harness.cluster.settle()

    (given,) = await belongings(harness.catalog, anna.id, "shops")
    assert (given["id"], given["name"], given["description"]) == (shop, "Pottery", "by hand")
    assert (given["owner"], given["currency"], given["archived"]) == (anna.id, "EUR", True)
    products = await belongings(harness.catalog, anna.id, "products")
    assert [(one["title"], one["archived"]) for one in products] == [("Jug", True), ("Mug", False)]
    assert (products[1]["id"], products[1]["shop"]) == (mug, shop)
    assert [picture["id"] for picture in products[1]["pictures"]] == ["7"]
    assert products[1]["variants"] == [
        {"id": blue, "name": "blue", "price": 2400, "on_hand": 10, "held": 3, "available": 7}
    ]
    assert "fingerprint" not in products[1]


async def test_products_of_several_shops_are_exported_newest_first(
    harness: CatalogHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = harness.person()
    shops = [await anna.create_shop(name) for name in ("one", "two", "three", "empty")]
    made = [(await anna.create_product(f"{n}", shop=shops[n % 3]))[0] for n in range(10)]
    await harness.cluster.settle()
    for page in (1, 3, 5, 40):
        monkeypatch.setattr(data_export, "PAGE_SIZE", page)
        products = await belongings(harness.catalog, anna.id, "products")
        assert [one["id"] for one in products] == made[::-1]
        found = await belongings(harness.catalog, anna.id, "shops")
        assert [one["id"] for one in found] == shops[::-1]


async def test_a_user_without_shops_exports_nothing(harness: CatalogHarness) -> None:
    anna = harness.person()
    for kind in ("shops", "products"):
        assert await belongings(harness.catalog, anna.id, kind) == []


async def test_the_cost_of_an_export_page_does_not_depend_on_the_number_of_products(
    harness: CatalogHarness,
) -> None:
    anna = harness.person()
    for _ in range(2):
        shop = await anna.create_shop()
        for n in range(4):
            await anna.create_product(f"{n}", shop=shop)
    await harness.cluster.settle()
    before = harness.state_call_count()
    assert len(await belongings(harness.catalog, anna.id, "products")) == 8
    assert harness.state_call_count() - before == 4


@pytest.mark.parametrize("kind", ["shops", "products"])
async def test_only_the_export_service_may_read_exports(harness: CatalogHarness, kind: str) -> None:
    anna = harness.person()
    assert await is_for_the_archivist_alone(harness.catalog, anna.id, kind, anna.token)
