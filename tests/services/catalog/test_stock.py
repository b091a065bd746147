from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from services.catalog.application.stock_audit import StockAudit
from services.catalog.application.stock_updates import STEP_TIMEOUT, TIDY_THRESHOLD
from services.catalog.domain.reservations import ReservationRecord
from services.catalog.domain.stock import ALLOCATION_TTL
from services.catalog.repository import Repository
from services.chassis.ids import SnowflakeGenerator
from tests.fakes import Response, until
from tests.services.catalog.harness import CatalogHarness, SellerClient, codes

_ids = SnowflakeGenerator()


def stock(harness: CatalogHarness, variant: str) -> Any:
    return harness.cluster.state("catalog").peek(f"stock:{variant}")["data"]


async def available(harness: CatalogHarness, product: str) -> int:
    view = await harness.read_anonymously(f"/products/{product}")
    pieces: int = next(iter(view["available"].values()))
    return pieces


def code(response: Response) -> str:
    return codes([response])[0]


async def test_every_step_of_a_reservation_can_be_repeated(harness: CatalogHarness) -> None:
    anna, order = harness.person(), _ids.next()
    product, variant = await anna.create_product()
    for _ in range(2):
        held = await harness.reserve(order, (variant, 3))
        assert held.json()["state"] == "reserved"
        assert held.json()["items"] == [{"variant": variant, "quantity": 3}]
        assert await available(harness, product) == 7
        assert stock(harness, variant)["on_hand"] == 10
    for _ in range(2):
        assert (await harness.change_reservation(order, "confirm")).json()["state"] == "confirmed"
        assert stock(harness, variant)["on_hand"] == await available(harness, product) == 7
    assert code(await harness.change_reservation(order, "release")) == "already_confirmed"
    for _ in range(2):
        assert (await harness.change_reservation(order, "restock")).json()["state"] == "restocked"
        assert stock(harness, variant)["on_hand"] == await available(harness, product) == 10
    assert (await harness.change_reservation(order, "confirm")).json()["state"] == "restocked"
    assert (await harness.reserve(order, (variant, 3))).json()["state"] == "restocked"
    assert stock(harness, variant)["on_hand"] == await available(harness, product) == 10


async def test_a_released_reservation_stays_released(harness: CatalogHarness) -> None:
    anna, order, late = harness.person(), _ids.next(), _ids.next()
    product, variant = await anna.create_product()
    await harness.reserve(order, (variant, 3))
    for _ in range(2):
        assert (await harness.change_reservation(order, "release")).json()["state"] == "released"
        assert await available(harness, product) == 10
    assert code(await harness.reserve(order, (variant, 3))) == "released"
    assert code(await harness.change_reservation(order, "confirm")) == "released"
    assert code(await harness.change_reservation(order, "restock")) == "not_confirmed"
    assert (await harness.change_reservation(late, "release")).json()["state"] == "released"
    assert code(await harness.reserve(late, (variant, 1))) == "released"
    assert code(await harness.change_reservation(late, "confirm")) == "released"
    assert await available(harness, product) == 10


async def test_steps_of_an_unknown_order_are_refused(harness: CatalogHarness) -> None:
    for step in ("confirm", "restock"):
        assert (await harness.change_reservation(_ids.next(), step)).status == 404
    assert (await harness.call_as_orders("GET", f"/reservations/{_ids.next()}")).status == 404
    assert (await harness.change_reservation("1:2", "confirm")).status == 422


async def test_a_reservation_holds_all_items_or_nothing(harness: CatalogHarness) -> None:
    anna, order = harness.person(), _ids.next()
    shop = await anna.create_shop()
    first, many = await anna.create_product(shop=shop, stock=5)
    second, few = await anna.create_product("Bowl", shop=shop, stock=1)
    for _ in range(2):
        refused = await harness.reserve(order, (many, 2), (few, 2))
        assert code(refused) == "out_of_stock"
        assert refused.json()["variants"] == [few]
        assert (await available(harness, first), await available(harness, second)) == (5, 1)
    assert code(await harness.change_reservation(order, "confirm")) == "out_of_stock"
    unknown = await harness.reserve(_ids.next(), (many, 1), ("77", 1))
    assert unknown.json()["variants"] == ["77".rjust(18, "0")]
    split = await harness.reserve(_ids.next(), (many, 3), (many, 3))
    assert code(split) == "out_of_stock"


async def test_a_different_reservation_for_the_same_order_is_refused(
    harness: CatalogHarness,
) -> None:
    anna, order = harness.person(), _ids.next()
    _, variant = await anna.create_product()
    await harness.reserve(order, (variant, 1))
    assert code(await harness.reserve(order, (variant, 2))) == "order_differs"
    assert code(await harness.reserve(order, (variant, 1), seconds=5)) == "order_differs"
    assert (await harness.reserve(order, (variant, 1))).status == 200


async def test_a_reservation_expires(harness: CatalogHarness) -> None:
    anna, order = harness.person(), _ids.next()
    product, variant = await anna.create_product()
    await harness.reserve(order, (variant, 10), seconds=60)
    harness.clock.ahead = 59
    assert code(await harness.reserve(_ids.next(), (variant, 1))) == "out_of_stock"
    harness.clock.ahead = 61
    assert await available(harness, product) == 10
    shown = await harness.call_as_orders("GET", f"/reservations/{order}")
    assert shown.json()["state"] == "expired"
    assert (await harness.reserve(_ids.next(), (variant, 9))).status == 200
    assert code(await harness.change_reservation(order, "confirm")) == "reservation_expired"
    assert code(await harness.reserve(order, (variant, 10), seconds=60)) == "reservation_expired"
    assert await available(harness, product) == 1


async def test_a_reservation_confirmed_in_time_is_sold_even_if_its_stocks_are_updated_late(
    harness: CatalogHarness,
) -> None:
    anna, order = harness.person(), _ids.next()
    _, variant = await anna.create_product(stock=2)
    await harness.reserve(order, (variant, 1), seconds=60)
    state = harness.catalog.sidecar.state
    state.faults.fail("compare_and_set", about="stock:", times=100)
    before = asyncio.create_task(harness.change_reservation(order, "confirm"))
    kept = harness.cluster.state("catalog")
    await until(lambda: kept.peek(f"reservation:{order}")["data"]["state"] == "confirmed")
    await harness.catalog.kill()
    before.cancel()
    harness.replicas = []
    await harness.add_replica()
    harness.clock.ahead = 1_000
    assert stock(harness, variant)["on_hand"] == 2
    assert code(await harness.reserve(_ids.next(), (variant, 2))) == "out_of_stock"
    assert stock(harness, variant)["on_hand"] == 1
    assert (await harness.change_reservation(order, "confirm")).json()["state"] == "confirmed"
    assert (await harness.reserve(_ids.next(), (variant, 1))).status == 200


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(("step", "nth"), [("confirm", 1), ("confirm", 2), ("restock", 1)])
async def test_a_crash_between_a_reservation_and_its_stocks_puts_pieces_back_once(
    harness: CatalogHarness, moment: str, step: str, nth: int
) -> None:
    """One of two stocks may have been updated, and the other not."""
    anna, order = harness.person(), _ids.next()
    shop = await anna.create_shop()
    variants = [(await anna.create_product(title, shop=shop))[1] for title in ("Mug", "Bowl")]
    await harness.reserve(order, *((variant, 3) for variant in variants))
    if step == "restock":
        await harness.change_reservation(order, "confirm")
    faults = harness.catalog.sidecar.state.faults
    faults.crash("compare_and_set", about="stock:", nth=nth, after=moment == "after")
    dying = asyncio.create_task(harness.change_reservation(order, step))
    await asyncio.wait_for(faults.dead.wait(), 20)
    await harness.catalog.kill()
    dying.cancel()
    harness.replicas = []
    await harness.add_replica()
    assert code(await harness.change_reservation(order, "release")) == "already_confirmed"
    for _ in range(2):
        assert (await harness.change_reservation(order, "restock")).json()["state"] == "restocked"
        assert (await harness.change_reservation(order, "confirm")).json()["state"] == "restocked"
    for variant in variants:
        assert stock(harness, variant)["on_hand"] == 10
        assert (await harness.reserve(_ids.next(), (variant, 10))).status == 200


async def hold_without_reservation(
    harness: CatalogHarness, order: str, *items: tuple[str, int]
) -> None:
    """Let the process die after it holds all pieces and before it creates the reservation."""
    faults = harness.catalog.sidecar.state.faults
    faults.crash("compare_and_set", about="reservation:")
    dying = asyncio.create_task(harness.reserve(order, *items))
    await asyncio.wait_for(faults.dead.wait(), 20)
    await harness.catalog.kill()
    dying.cancel()
    harness.replicas = []
    await harness.add_replica()
    assert harness.cluster.state("catalog").peek(f"reservation:{order}") is None
    for variant, quantity in items:
        assert stock(harness, variant)["parts"][order]["quantity"] == quantity


async def test_an_interrupted_reservation_can_be_repeated(harness: CatalogHarness) -> None:
    anna, order = harness.person(), _ids.next()
    product, variant = await anna.create_product()
    await hold_without_reservation(harness, order, (variant, 3))
    assert await available(harness, product) == 7
    assert (await harness.reserve(order, (variant, 3))).json()["state"] == "reserved"
    assert await available(harness, product) == 7
    assert (await harness.change_reservation(order, "confirm")).json()["state"] == "confirmed"
    assert stock(harness, variant)["on_hand"] == 7


async def test_an_interrupted_reservation_can_be_released(harness: CatalogHarness) -> None:
    anna, order = harness.person(), _ids.next()
    shop = await anna.create_shop()
    made = [await anna.create_product(title, shop=shop) for title in ("Mug", "Bowl")]
    items = [(variant, 3) for _, variant in made]
    await hold_without_reservation(harness, order, *items)
    for _ in range(2):
        released = await harness.change_reservation(order, "release", items=items)
        assert (released.json()["state"], released.json()["items"]) == ("released", [])
    assert [await available(harness, product) for product, _ in made] == [10, 10]
    assert code(await harness.reserve(order, *items)) == "released"
    assert [await available(harness, product) for product, _ in made] == [10, 10]
    audit = StockAudit(Repository(harness.catalog.service))
    for _ in range(3):
        await audit.sweep()
    assert audit.disagreements == set()


async def test_an_interrupted_reservation_expires_and_is_not_made_later(
    harness: CatalogHarness,
) -> None:
    anna, order = harness.person(), _ids.next()
    product, variant = await anna.create_product()
    await hold_without_reservation(harness, order, (variant, 3))
    assert code(await harness.reserve(_ids.next(), (variant, 8))) == "out_of_stock"
    harness.clock.ahead = 61
    assert (await harness.reserve(_ids.next(), (variant, 10), seconds=900)).status == 200
    assert code(await harness.reserve(order, (variant, 3))) == "released"
    assert await available(harness, product) == 0


async def test_a_release_during_a_reservation_leaves_nothing_held(
    harness: CatalogHarness,
) -> None:
    anna, order = harness.person(), _ids.next()
    product, variant = await anna.create_product()
    faults, items = harness.catalog.sidecar.state.faults, [(variant, 3)]

    async def meanwhile(call: Any) -> None:
        if call.name == "compare_and_set" and f"reservation:{order}" in call.about:
            faults.before.clear()
            await harness.change_reservation(order, "release", replica=1, items=items)

    await harness.add_replica()
    faults.before.append(meanwhile)
    assert code(await harness.reserve(order, *items)) == "released"
    assert not faults.before
    assert await available(harness, product) == 10


@pytest.mark.parametrize("pieces", [3, 11])
async def test_a_reservation_that_an_earlier_release_began_is_completed(
    harness: CatalogHarness, pieces: int
) -> None:
    anna, order = harness.person(), _ids.next()
    product, variant = await anna.create_product()
    begun = ReservationRecord(order, "pending", ((variant, pieces),), 60, harness.clock() + 60)
    await Repository(harness.catalog.service).reservations.update(order, lambda _: begun)
    assert code(await harness.change_reservation(order, "confirm")) == "not_reserved"
    answer = await harness.reserve(order, (variant, pieces))
    assert answer.status == (200 if pieces == 3 else 409)
    assert await available(harness, product) == (7 if pieces == 3 else 10)


async def test_a_reservation_with_an_older_schema_is_upgraded(
    harness: CatalogHarness,
) -> None:
    anna, order = harness.person(), _ids.next()
    _, variant = await anna.create_product()
    await harness.reserve(order, (variant, 3))
    state = harness.cluster.state("catalog")
    old = state.peek(f"reservation:{order}")
    old["schema"], old["data"]["state"] = 1, "confirming"
    await state.set(f"reservation:{order}", old)
    assert (await harness.change_reservation(order, "confirm")).json()["state"] == "confirmed"
    assert stock(harness, variant)["on_hand"] == 7
    assert (await harness.change_reservation(order, "restock")).json()["state"] == "restocked"
    assert stock(harness, variant)["on_hand"] == 10


async def test_a_hundred_buyers_get_ten_pieces(busy: CatalogHarness) -> None:
    anna = busy.person()
    _, variant = await anna.create_product(stock=10)
    orders = [_ids.next() for _ in range(100)]
    answers = await asyncio.gather(
        *(
            busy.reserve(order, (variant, 1), replica=number % 3)
            for number, order in enumerate(orders)
        )
    )
    assert sorted(codes(list(answers))) == [""] * 10 + ["out_of_stock"] * 90
    won = [order for order, one in zip(orders, answers, strict=True) if one.status == 200]
    sold = await asyncio.gather(
        *(busy.change_reservation(o, "confirm", n % 3) for n, o in enumerate(won))
    )
    assert codes(list(sold)) == [""] * 10
    assert stock(busy, variant)["on_hand"] == 0


async def test_one_of_several_orders_for_the_same_pieces_gets_them(busy: CatalogHarness) -> None:
    anna = busy.person()
    shop = await anna.create_shop()
    variants = [(await anna.create_product(f"Mug {n}", shop=shop, stock=1))[1] for n in range(4)]
    answers = await asyncio.gather(
        *(
            busy.reserve(_ids.next(), *random.sample([(v, 1) for v in variants], 4), replica=n % 3)
            for n in range(12)
        )
    )
    assert sorted(codes(list(answers))) == [""] + ["out_of_stock"] * 11


async def test_a_step_that_exceeds_its_deadline_changes_nothing(harness: CatalogHarness) -> None:
    """A stock that forgot the allocation would treat the order as a new one."""
    anna, order = harness.person(), _ids.next()
    _, variant = await anna.create_product()
    reached, slow = asyncio.Event(), asyncio.Event()

    async def wait(call: Any) -> None:
        if call.name == "get_many" and f"stock:{variant}" in call.about:
            reached.set()
            await slow.wait()

    harness.catalog.sidecar.state.faults.before.append(wait)
    answer = asyncio.create_task(harness.reserve(order, (variant, 3)))
    await asyncio.wait_for(reached.wait(), 60)
    harness.clock.ahead = STEP_TIMEOUT + 1
    slow.set()
    assert (await answer).status == 503
    assert stock(harness, variant)["parts"] == {}


async def test_a_stock_forgets_old_allocations(harness: CatalogHarness) -> None:
    anna = harness.person()
    product, variant = await anna.create_product(stock=1_000)
    orders = [_ids.next() for _ in range(3 * TIDY_THRESHOLD)]
    for number, order in enumerate(orders):
        await harness.reserve(order, (variant, 1))
        if number % 3:
            await harness.change_reservation(order, ("confirm", "release")[number % 2])
    sold = sum(number % 3 > 0 and number % 2 == 0 for number in range(len(orders)))
    harness.clock.ahead = ALLOCATION_TTL + 100
    for _ in range(4):
        assert (await harness.reserve(_ids.next(), (variant, 1))).status == 200
    assert len(stock(harness, variant)["parts"]) < len(orders)
    assert stock(harness, variant)["on_hand"] == 1_000 - sold
    assert await available(harness, product) == 1_000 - sold - 4
    for number, order in enumerate(orders):
        if number % 3 and number % 2 == 0:
            await asyncio.gather(*(harness.change_reservation(order, "restock") for _ in range(2)))
    assert stock(harness, variant)["on_hand"] == 1_000


# ── sellers ─────────────────────────────────────────────────────────────────────────────────────


async def count(anna: SellerClient, product: str, variant: str, **change: Any) -> Response:
    path = f"/products/{product}/variants/{variant}/stock"
    return await anna.request("POST", path, json=change)


async def test_a_seller_adjusts_stock(harness: CatalogHarness) -> None:
    anna = harness.person()
    product, variant = await anna.create_product()
    assert (await count(anna, product, variant, on_hand=20)).status == 428
    counted = await count(anna, product, variant, on_hand=20, revision=1)
    assert counted.json() == {
        "variant": variant,
        "on_hand": 20,
        "held": 0,
        "available": 20,
        "revision": 2,
    }
    assert (await count(anna, product, variant, on_hand=30, revision=1)).status == 412
    for _ in range(2):
        more = await count(anna, product, variant, delta=5, idempotency_key="k")
        assert more.json()["on_hand"] == 25
    assert (await anna.request_ok("GET", f"/products/{product}/stock"))[0]["on_hand"] == 25
    for wrong in (
        {},
        {"delta": 1, "on_hand": 1},
        {"delta": 0.5},
        {"on_hand": -1},
        {"delta": 10**10},
    ):
        assert (await count(anna, product, variant, **wrong)).status == 422
    assert (await count(anna, product, "5", delta=1)).status == 404


async def test_stock_cannot_be_set_below_what_is_held(harness: CatalogHarness) -> None:
    anna, order = harness.person(), _ids.next()
    product, variant = await anna.create_product()
    await harness.reserve(order, (variant, 4))
    assert code(await count(anna, product, variant, delta=-7)) == "stock_held"
    assert code(await count(anna, product, variant, on_hand=3, revision=1)) == "stock_held"
    assert (await count(anna, product, variant, delta=-6)).json()["available"] == 0
    assert (await harness.change_reservation(order, "confirm")).status == 200
    assert stock(harness, variant)["on_hand"] == 0


@pytest.mark.parametrize("seed", range(3))
async def test_concurrent_adjustments_and_sales_add_up(busy: CatalogHarness, seed: int) -> None:
    anna, dice = busy.person(), random.Random(seed)  # noqa: S311
    product, variant = await anna.create_product(stock=50)
    orders = [_ids.next() for _ in range(30)]

    async def buy(order: str) -> int:
        replica = dice.randrange(3)
        if (await busy.reserve(order, (variant, 2), replica=replica)).status != 200:
            return 0
        return 2 if (await busy.change_reservation(order, "confirm", replica)).status == 200 else 0

    async def add(delta: int) -> int:
        answer = await count(anna, product, variant, delta=delta)
        return delta if answer.status == 200 else 0

    sold = asyncio.gather(*(buy(order) for order in orders))
    added = asyncio.gather(*(add(dice.choice((-1, 1, 3))) for _ in range(20)))
    total = 50 + sum(await added) - sum(await sold)
    assert stock(busy, variant)["on_hand"] == total == await available(busy, product)


# ── prices that were agreed on ──────────────────────────────────────────────────────────────────


async def test_a_reservation_at_an_outdated_price_is_refused(harness: CatalogHarness) -> None:
    anna = harness.person()
    product, variant = await anna.create_product()
    agreed = {"product": product, "variant": variant, "price": 2400, "currency": "EUR"}

    async def holds(order: str, **other: Any) -> str:
        return code(await harness.reserve(order, (variant, 3), agreed=[agreed | other]))

    assert await holds(_ids.next(), price=2399) == "price_changed"
    assert await holds(_ids.next(), currency="USD") == "price_changed"
    assert await holds(_ids.next(), product="77") == "not_sold"
    assert await available(harness, product) == 10
    order = _ids.next()
    assert await holds(order) == await holds(order) == ""
    assert await holds(order, price=2399) == ""  # a repeat: the order may be authorized already
    assert await available(harness, product) == 7
    archived = await anna.request(
        "PATCH", f"/products/{product}", version=1, json={"archived": True}
    )
    assert archived.status == 200
    assert await holds(_ids.next()) == "not_sold"
    assert stock(harness, variant)["parts"].keys() == {order}
    assert (await harness.change_reservation(order, "confirm")).status == 200, (
        "what is held can still be sold"
    )


@pytest.mark.parametrize(
    "wrong", [{"price": -1}, {"price": 1.5}, {"currency": "XXX"}, {"product": "x"}, {"variant": ""}]
)
async def test_invalid_agreed_prices_are_refused(
    harness: CatalogHarness, wrong: dict[str, Any]
) -> None:
    agreed = {"product": "1", "variant": "2", "price": 1, "currency": "EUR"}
    answer = await harness.reserve(_ids.next(), ("2", 1), agreed=[agreed | wrong])
    assert answer.status == 422
