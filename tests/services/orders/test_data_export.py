"""The data export of buyers and sellers."""

from __future__ import annotations

import pytest

from services.chassis import data_export
from tests.services.belongings import belongings, is_for_the_archivist_alone
from tests.services.orders.harness import BUYER, SELLER, OrdersHarness


async def test_both_parties_export_their_orders_with_history(
    harness: OrdersHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = [await harness.place(card) for card in ("tok_ok", "tok_declined", "tok_ok")]
    for id in placed:
        await harness.wait_until_final(id)
    await harness.request_until_answered(
        "POST", f"/orders/{placed[2]}/refund", token=harness.seller
    )
    await harness.check_consistency()
    for page in (2, 40):
        monkeypatch.setattr(data_export, "PAGE_SIZE", page)
        bought = await belongings(harness.orders, BUYER, "bought")
        assert [order["id"] for order in bought] == placed[::-1]
        assert [order["state"] for order in bought] == ["refunded", "declined", "completed"]
        assert {order["account"] for order in bought} == {SELLER}
        sold = await belongings(harness.orders, SELLER, "sold")
        assert {order.pop("account") for order in sold} == {BUYER}
        assert sold == [{k: v for k, v in order.items() if k != "account"} for order in bought]
    first = bought[-1]
    assert [entry["what"] for entry in first["history"]][::5] == ["placed", "completed"]
    assert (first["lines"][0]["quantity"], first["total"], first["currency"]) == (2, 2500, "EUR")
    assert "tok_" not in str(bought)
    assert await belongings(harness.orders, SELLER, "bought") == []
    assert await belongings(harness.orders, BUYER, "sold") == []


async def test_a_cart_is_exported_with_its_prices(harness: OrdersHarness) -> None:
    assert await belongings(harness.orders, BUYER, "cart") == []
    shown = await harness.fill_cart()
    assert await belongings(harness.orders, BUYER, "cart") == [{"account": SELLER, **shown}]
    variant = shown["lines"][0]["variant"]
    harness.shop_services.gone.add(variant)
    (cart,) = await belongings(harness.orders, BUYER, "cart")
    assert (cart["lines"], cart["gone"][0]["variant"]) == ([], variant)


@pytest.mark.parametrize("kind", ["cart", "bought", "sold"])
async def test_only_the_export_service_may_read_exports(harness: OrdersHarness, kind: str) -> None:
    assert await is_for_the_archivist_alone(harness.orders, BUYER, kind, harness.buyer)
