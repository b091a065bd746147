"""After any requests, faults and repeats the ledger balances and matches the provider."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.chassis.dapr.state import StateEntry
from services.payments.domain import ledger
from services.payments.domain.faults import imbalance
from services.payments.domain.payments import PaymentRecord
from tests.fakes import FakeCluster
from tests.services.payments.harness import PaymentsHarness

T = TypeVar("T")

CARDS = (
    "tok_ok",
    "tok_declined",
    "tok_timeout_after_success",
    "tok_duplicate_callback",
    "tok_pending",
    "tok_pending_declined",
    "tok_capture_declined",
)
ORDERS = st.sampled_from(("116548273934401537", "116548273934401538", "116548273934401539"))
PARTS = st.sampled_from((None, 1, 333, 5_000, 9_999, 10_000, 10_001))
NOBODY_KNOWS = (503, 504)


class LedgerMachine(RuleBasedStateMachine):
    """Orders are paid and refunded while the provider, the broker and the service fail."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.cluster = FakeCluster()
        self.harness: PaymentsHarness

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @initialize(copies=st.integers(1, 2), loses=st.booleans())
    def begin(self, copies: int, loses: bool) -> None:
        self.run(self.cluster.__aenter__())
        self.harness = self.run(PaymentsHarness.create(self.cluster))
        self.cluster.broker.copies = copies
        if loses:
            self.cluster.broker.loses = lambda event: event["sequence"] % 3 == 0

    # ── rules ───────────────────────────────────────────────────────────────────────────────

    @rule(order=ORDERS, card=st.sampled_from(CARDS))
    def authorize(self, order: str, card: str) -> None:
        self._answers(self.run(self.harness.authorize(order, card)).status, 200, 409)

    @rule(order=ORDERS)
    def capture(self, order: str) -> None:
        self._answers(self.run(self.harness.request_step(order, "capture")).status, 200, 404, 409)

    @rule(order=ORDERS)
    def void(self, order: str) -> None:
        self._answers(self.run(self.harness.request_step(order, "void")).status, 200, 409)

    @rule(order=ORDERS, amount=PARTS, key=st.sampled_from(("a", "b", "c")))
    def refund(self, order: str, amount: int | None, key: str) -> None:
        asked = self.harness.request_step(order, "refund", amount=amount, key=key)
        self._answers(self.run(asked).status, 200, 404, 409)

    @rule()
    def the_provider_is_down(self) -> None:
        self.harness.faulty_provider.down = True

    @rule()
    def the_provider_is_back(self) -> None:
        self.harness.faulty_provider.down = False

    @rule(times=st.integers(1, 2))
    def answers_are_lost(self, times: int) -> None:
        self.harness.faulty_provider.loses_answers = times

    @rule()
    def time_passes(self) -> None:
        self.harness.clock.now += 100.0

    @rule(nth=st.integers(1, 3))
    def a_write_fails(self, nth: int) -> None:
        self.harness.payments.sidecar.state.faults.fail(
            "compare_and_set", about="payment:", nth=nth, after=True
        )

    @rule()
    def we_die(self) -> None:
        self.run(self.harness.restart())

    @rule()
    def open_steps_are_asked_for(self) -> None:
        self.run(self.cluster.settle())
        self.run(self.harness.reconcile())

    # ── invariants ──────────────────────────────────────────────────────────────────────────

    def _answers(self, status: int, *good: int) -> None:
        assert status in (*good, *NOBODY_KNOWS)

    @invariant()
    def the_ledger_is_zero(self) -> None:
        for payment in self._payments():
            assert sum(ledger.totals(payment.entries).values()) == 0
            assert imbalance(payment) == 0
            steps = Counter(entry.step for entry in payment.entries)
            assert not [step for step, times in steps.items() if times > 1]
            assert not (steps["capture"] and steps["void"])
            assert 0 <= payment.refunded <= payment.captured

    def teardown(self) -> None:
        if hasattr(self, "harness"):
            self.run(self._rest())
            self.run(self.cluster.__aexit__(None, None, None))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    async def _rest(self) -> None:
        """After the faults nothing is open, and the provider's record matches the ledger."""
        self.harness.faulty_provider.down, self.harness.faulty_provider.loses_answers = False, 0
        self.harness.clock.now += 100.0
        self.cluster.broker.loses = lambda _: False
        await self.harness.restart()
        await self.harness.settle()
        self.harness.clock.now += 100.0  # for operations that arrived only now, and were pending
        await self.harness.settle()
        await self.harness.check_ledger()
        now = self.harness.clock.now
        for payment in self._payments():
            assert payment.next_open_step is None
            charge = await self.harness.store.charges.get(payment.order)
            if charge is None:
                assert payment.terms is None
                continue
            assert charge.total_done("capture", now) == payment.captured
            assert charge.total_done("refund", now) == payment.refunded
            voided = any(deed.kind == "void" and not deed.reason for deed in charge.deeds)
            is_held = charge.total_done("authorize", now) and not voided and not payment.captured
            assert bool(is_held) == (payment.state == "authorized")

    def _payments(self) -> list[PaymentRecord]:
        state, payments = self.cluster.state("payments"), self.harness.store.payments
        entries = [StateEntry(state.peek(key), "") for key in state.keys("payment:")]
        return [doc.value for doc in map(payments.decode, entries) if doc is not None]


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(
    max_examples=6,
    stateful_step_count=20,
    suppress_health_check=list(HealthCheck),
)
