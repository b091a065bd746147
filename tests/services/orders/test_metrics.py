"""What metrics say of checkouts that have not ended."""

from __future__ import annotations

from datetime import timedelta

from services.chassis.errors import Unavailable
from services.chassis.ids import first_id_at, utc_now
from services.chassis.storage.segmented_list import SegmentedLists
from tests.fakes import Scrape, scrape
from tests.services.orders.harness import OrdersHarness

OPEN, AGE = "microgram_orders_open", "microgram_orders_oldest_open_age_seconds"


async def seen(harness: OrdersHarness) -> Scrape:
    await harness.orders.run_work("SagaWatchdog.check")
    return await scrape(harness.orders.app)


async def test_an_open_order_counts_with_its_age_until_it_is_final(harness: OrdersHarness) -> None:
    assert (await seen(harness)).value(AGE) == 0
    harness.orders.sidecar.faults.fail("start", error=Unavailable("no engine"), times=100)
    id = await harness.place()
    await harness.cluster.settle()
    found = await seen(harness)
    assert found.value(OPEN, state="placed") == 1
    assert 0 < found.value(AGE) < 600
    harness.orders.sidecar.faults._faults.clear()
    assert (await harness.wait_until_final(id))["state"] == "completed"
    found = await seen(harness)
    assert [s.value for s in found.samples if s.name == OPEN] == [0.0] * 6
    assert found.value(AGE) == 0


async def test_the_age_of_a_refund_counts_from_its_request(harness: OrdersHarness) -> None:
    id = await harness.place()
    assert (await harness.wait_until_final(id))["state"] == "completed"
    state = harness.cluster.state("orders")
    log = state.peek(f"order:{id}")["data"]["log"]
    state.edit(f"order:{id}", log=[{**each, "at": "2026-01-01T00:00:00.000Z"} for each in log])
    harness.orders.sidecar.faults.fail("start", error=Unavailable("no engine"), times=100)
    await harness.request_ok("POST", f"/orders/{id}/refund", harness.seller)
    found = await seen(harness)
    assert found.value(OPEN, state="refunding") == 1
    assert 0 < found.value(AGE) < 600
    harness.orders.sidecar.faults._faults.clear()


async def test_an_order_that_cannot_be_read_counts_as_unread(harness: OrdersHarness) -> None:
    id = await harness.place()
    await harness.wait_until_final(id)
    damaged = first_id_at(utc_now() - timedelta(hours=1))
    state = harness.cluster.state("orders")
    await state.set(f"order:{damaged}", {"schema": 1, "version": 1, "data": {"id": damaged}})
    await SegmentedLists(state, "open").insert("all", [[damaged]])
    assert (await seen(harness)).value(OPEN, state="unread") == 1
