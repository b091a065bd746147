"""What a buyer and a seller get of their orders for their archives."""

from __future__ import annotations

import pytest

from services.chassis import data_export
from tests.services.belongings import belongings, is_for_the_archivist_alone
from tests.services.orders.harness import BUYER, SELLER, OrdersHarness


async def test_both_sides_get_their_orders_with_what_happened_to_them(
    town: OrdersHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = [await town.place(card) for card in ("tok_ok", "tok_declined", "tok_ok")]
    for id in placed:
        await town.wait_until_final(id)
    await town.request_until_answered("POST", f"/orders/{placed[2]}/refund", token=town.seller)
    await town.check_consistency()
    for page in (2, 40):
        monkeypatch.setattr(data_export, "PAGE_SIZE", page)
        bought = await belongings(town.orders, BUYER, "bought")
        assert [order["id"] for order in bought] == placed[::-1]
        assert [order["state"] for order in bought] == ["refunded", "declined", "completed"]
        assert {order["account"] for order in bought} == {SELLER}
        sold = await belongings(town.orders, SELLER, "sold")
        assert {order.pop("account") for order in sold} == {BUYER}
        assert sold == [{k: v for k, v in order.items() if k != "account"} for order in bought]
    first = bought[-1]
    assert [entry["what"] for entry in first["history"]][::5] == ["placed", "completed"]
    assert (first["lines"][0]["quantity"], first["total"], first["currency"]) == (2, 2500, "EUR")
    assert "tok_" not in str(bought)
    assert await belongings(town.orders, SELLER, "bought") == []
    assert await belongings(town.orders, BUYER, "sold") == []


async def test_a_cart_is_given_with_what_it_costs(town: OrdersHarness) -> None:
    assert await belongings(town.orders, BUYER, "cart") == []
    shown = await town.fill_cart()
    assert await belongings(town.orders, BUYER, "cart") == [{"account": SELLER, **shown}]
    variant = shown["lines"][0]["variant"]
    town.shop_services.gone.add(variant)
    (cart,) = await belongings(town.orders, BUYER, "cart")
    assert (cart["lines"], cart["gone"][0]["variant"]) == ([], variant)


@pytest.mark.parametrize("kind", ["cart", "bought", "sold"])
async def test_it_is_for_the_archivist_alone(town: OrdersHarness, kind: str) -> None:
    assert await is_for_the_archivist_alone(town.orders, BUYER, kind, town.buyer)
