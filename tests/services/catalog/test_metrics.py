"""What metrics say of stocks that contradict reservations."""

from __future__ import annotations

from typing import Any

import pytest

from services.chassis.ids import SnowflakeGenerator
from tests.fakes import scrape
from tests.services.catalog.harness import CatalogHarness

METRIC = "microgram_stock_disagreements"
_ids = SnowflakeGenerator()


async def disagreements(harness: CatalogHarness, rounds: int = 1) -> float:
    for _ in range(rounds):
        await harness.catalog.run_work("StockAudit.sweep")
    return (await scrape(harness.catalog.app)).value(METRIC)


def change(harness: CatalogHarness, key: str, **fields: Any) -> None:
    """Damage a stored document."""
    harness.cluster.state("catalog").edit(key, **fields)


async def sold_product(harness: CatalogHarness) -> tuple[str, str]:
    """An order that is confirmed, and the variant that it bought."""
    _, variant = await harness.person().create_product()
    await harness.cluster.settle()
    order = _ids.next()
    await harness.reserve(order, (variant, 3))
    assert (await harness.change_reservation(order, "confirm")).status == 200
    return order, variant


async def test_stocks_that_follow_their_reservations_agree(harness: CatalogHarness) -> None:
    order, variant = await sold_product(harness)
    for other in (_ids.next(), _ids.next()):
        await harness.reserve(other, (variant, 1))
    await harness.change_reservation(other, "release")
    assert await disagreements(harness, rounds=3) == 0
    await harness.change_reservation(order, "restock")
    harness.clock.ahead += 3600
    assert await disagreements(harness, rounds=3) == 0


@pytest.mark.parametrize("field", ["state", "quantity"])
async def test_a_disagreement_counts_from_the_second_round_until_it_is_gone(
    harness: CatalogHarness, field: str
) -> None:
    order, variant = await sold_product(harness)
    key = f"stock:{variant}"
    right = harness.cluster.state("catalog").peek(key)["data"]["parts"][order]
    wrong = {**right, **({"state": "held"} if field == "state" else {"quantity": 2})}
    change(harness, key, parts={order: wrong})
    assert await disagreements(harness) == 0
    assert await disagreements(harness) == 1
    assert await disagreements(harness) == 1
    change(harness, key, parts={order: right})
    assert await disagreements(harness) == 0


async def test_a_stock_that_lacks_held_pieces_or_cannot_be_read_is_wrong(
    harness: CatalogHarness,
) -> None:
    _, variant = await harness.person().create_product()
    _, other = await harness.person().create_product()
    await harness.cluster.settle()
    await harness.reserve(_ids.next(), (variant, 3))
    change(harness, f"stock:{variant}", on_hand=2)
    change(harness, f"stock:{other}", on_hand="many")
    assert await disagreements(harness, rounds=2) == 2


async def test_a_sweep_reads_all_products_a_page_at_a_time(
    harness: CatalogHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.catalog.application.stock_audit.PAGE_SIZE", 2)
    anna = harness.person()
    shop = await anna.create_shop()
    variants = [(await anna.create_product(f"Mug {n}", shop=shop))[1] for n in range(5)]
    await harness.cluster.settle()
    for variant in variants:
        await harness.reserve(_ids.next(), (variant, 3))
        change(harness, f"stock:{variant}", on_hand=1)
    before = harness.state_call_count()
    assert await disagreements(harness, rounds=4) == 5
    assert harness.state_call_count() - before <= 4 * 6
