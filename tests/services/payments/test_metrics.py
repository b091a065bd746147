"""What metrics say of the ledger."""

from __future__ import annotations

from typing import Any

from services.payments.repository import SHARDS
from tests.fakes import scrape
from tests.services.payments.harness import PaymentsHarness

IMBALANCE, FAULTY = "microgram_ledger_imbalance", "microgram_ledger_faulty_payments"


async def sweep(harness: PaymentsHarness, rounds: int = SHARDS) -> tuple[float, float]:
    for _ in range(rounds):
        await harness.payments.run_work("LedgerAudit.sweep")
    seen = await scrape(harness.payments.app)
    return seen.value(IMBALANCE), seen.value(FAULTY)


def stored(harness: PaymentsHarness, order: str) -> Any:
    return harness.cluster.state("payments").peek(f"payment:{order}")["data"]


async def test_a_ledger_that_balances_is_zero(harness: PaymentsHarness) -> None:
    await harness.pay()
    await harness.authorize(harness.new_order())
    order = await harness.pay()
    await harness.step(order, "refund", amount=333, key="a")
    await harness.cluster.settle()
    assert await sweep(harness) == (0, 0)


async def test_an_entry_that_is_missing_shows_until_it_is_back(harness: PaymentsHarness) -> None:
    order, _ = await harness.pay(), await harness.pay()
    await harness.cluster.settle()
    state, entries = harness.cluster.state("payments"), stored(harness, order)["entries"]
    state.edit(f"payment:{order}", entries=entries[:1])
    imbalance, faulty = await sweep(harness)
    # The 10,000 are still held, and neither seller nor fees have them.
    assert (imbalance, faulty) == (20_000, 1)
    state.edit(f"payment:{order}", entries=entries)
    assert await sweep(harness, rounds=1) == (0, 0)


async def test_a_payment_that_cannot_be_read_is_faulty(harness: PaymentsHarness) -> None:
    order, _ = await harness.pay(), await harness.pay()
    await harness.cluster.settle()
    entries = stored(harness, order)["entries"]
    entries[0]["lines"][0]["amount"] += 1
    harness.cluster.state("payments").edit(f"payment:{order}", entries=entries)
    assert await sweep(harness) == (0, 1)


async def test_a_round_costs_three_state_calls(harness: PaymentsHarness) -> None:
    for _ in range(3):
        await harness.pay()
    await harness.cluster.settle()
    calls = harness.payments.sidecar.state.faults.calls
    for _ in range(SHARDS):
        before = len(calls)
        await harness.payments.run_work("LedgerAudit.sweep")
        assert len(calls) - before <= 3
