"""Faults: the provider does not answer, the process dies, answers repeat or come late."""

from __future__ import annotations

import asyncio
import time
from unittest import mock

import orjson
import pytest

from services.clients.payments import GATEWAY_PATH
from services.payments.adapters.webhooks import SECRET_NAME
from services.payments.application import payment_service
from services.payments.domain.payments import ProviderResult
from services.payments.domain.signatures import TOLERANCE, sign
from services.payments.provider.port import ProviderOperation
from services.payments.repository import shard
from tests.fakes import FakeCluster, until
from tests.fakes.faults import Call
from tests.services.payments.harness import (
    BUYER,
    SELLER,
    WEBHOOK_SECRET,
    PaymentsHarness,
    payments_app,
)


async def follow(harness: PaymentsHarness, order: str, state: str) -> None:
    await harness.settle()
    assert (await harness.get(order))["state"] == state
    assert (await harness.get(order))["waiting"] == ""
    await harness.check_ledger()


async def test_a_lost_answer_is_asked_for_again(harness: PaymentsHarness) -> None:
    order = harness.new_order()
    harness.faulty_provider.loses_answers = 1
    unsure = (await harness.authorize(order)).json()
    assert (unsure["state"], unsure["waiting"]) == ("pending", "authorize")
    assert (await harness.request_step(order, "capture")).json()["code"] == "not_authorized"
    await follow(harness, order, "authorized")
    harness.faulty_provider.loses_answers = 1
    unsure = await harness.step(order, "capture")
    assert (unsure["state"], unsure["waiting"]) == ("authorized", "capture")
    assert (await harness.request_step(order, "void")).json()["code"] == "captured"
    await follow(harness, order, "captured")
    assert harness.faulty_provider.asked == 2


async def test_a_repeated_step_returns_its_outcome(harness: PaymentsHarness) -> None:
    order = harness.new_order()
    harness.faulty_provider.loses_answers = 1
    await harness.authorize(order)
    assert (await harness.authorize(order)).json()["state"] == "authorized"


async def test_a_provider_that_is_down_is_asked_until_it_answers(harness: PaymentsHarness) -> None:
    order = harness.new_order()
    harness.faulty_provider.down = True
    assert (await harness.authorize(order)).json()["waiting"] == "authorize"
    await harness.cluster.settle()
    await harness.reconcile()
    assert (await harness.get(order))["state"] == "pending"
    harness.faulty_provider.down = False
    await follow(harness, order, "authorized")


async def test_one_damaged_payment_does_not_stop_the_reconciler(harness: PaymentsHarness) -> None:
    order, damaged = harness.new_order(), harness.new_order()
    harness.faulty_provider.down = True
    await harness.authorize(order)
    await harness.cluster.settle()
    state = harness.cluster.state("payments")
    await state.set(f"payment:{damaged}", {"schema": 1, "version": 1, "data": {"steps": 1}})
    await harness.store.unsettled.insert(shard(damaged), [[damaged]])
    harness.faulty_provider.down = False
    await harness.reconcile()
    assert (await harness.get(order))["state"] == "authorized"


async def test_a_void_ends_an_authorization_with_unknown_outcome(harness: PaymentsHarness) -> None:
    order = harness.new_order()
    harness.faulty_provider.loses_answers = 1
    await harness.authorize(order)
    assert (await harness.step(order, "void"))["state"] == "voided"
    await follow(harness, order, "voided")
    held = await harness.provider.find(order, f"{order}:void")
    assert held is not None
    assert held.outcome == "done"


async def test_a_void_without_an_answer_is_completed_later(harness: PaymentsHarness) -> None:
    order = harness.new_order()
    await harness.authorize(order)
    harness.faulty_provider.down = True
    assert (await harness.step(order, "void"))["waiting"] == "void"
    assert (await harness.request_step(order, "capture")).json()["code"] == "voided"
    harness.faulty_provider.down = False
    await follow(harness, order, "voided")


async def crash_during(
    harness: PaymentsHarness, order: str, step: str, write: str, about: str, *, after: bool
) -> None:
    """Kill the process at a write of a step, and start it again."""
    harness.payments.sidecar.state.faults.crash(write, about=about, after=after)
    dying = asyncio.create_task(
        harness.authorize(order) if step == "authorize" else harness.request_step(order, step)
    )
    await asyncio.wait_for(harness.payments.sidecar.state.faults.dead.wait(), 60)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    await harness.restart()
    await harness.settle()


CRASHES = [
    ("set", "journal:", False),
    ("compare_and_set", "payment:", False),
    ("compare_and_set", "payment:", True),
]
"""The provider performs a step, and then the step is written with its outcome."""


@pytest.mark.parametrize("like", ["sqlite", "redis"])
@pytest.mark.parametrize("loses_answers", [0, 1])
@pytest.mark.parametrize("step", ["authorize", "capture"])
@pytest.mark.parametrize(("write", "about", "after"), CRASHES)
async def test_a_crash_at_any_write_charges_nobody_twice_and_loses_nothing(
    harness: PaymentsHarness, step: str, write: str, about: str, after: bool, loses_answers: int
) -> None:
    """Without an answer the step is written as open. Orders repeats every step."""
    order = harness.new_order()
    if step == "capture":
        await harness.authorize(order)
    harness.faulty_provider.loses_answers = loses_answers
    await crash_during(harness, order, step, write, about, after=after)
    await harness.authorize(order)
    await harness.settle()
    await harness.request_step(order, "capture")
    await follow(harness, order, "captured")


@pytest.mark.parametrize("like", ["sqlite", "redis"])
@pytest.mark.parametrize(("write", "about", "after"), CRASHES)
async def test_a_void_releases_what_the_provider_holds_for_a_payment_that_was_not_written(
    harness: PaymentsHarness, write: str, about: str, after: bool
) -> None:
    order = harness.new_order()
    await crash_during(harness, order, "authorize", write, about, after=after)
    assert await harness.provider.find(order, f"{order}:authorize") == ProviderResult("done")
    assert (await harness.step(order, "void"))["state"] == "voided"
    assert await harness.provider.find(order, f"{order}:void") == ProviderResult("done")
    await follow(harness, order, "voided")
    late = await harness.authorize(order)
    assert (late.status, late.json().get("state")) in ((409, None), (200, "voided"))
    assert (await harness.request_step(order, "capture")).json()["code"] == "voided"
    await follow(harness, order, "voided")


async def test_a_void_of_an_unknown_payment_is_asked_for_until_the_provider_answers(
    harness: PaymentsHarness,
) -> None:
    order = harness.new_order()
    harness.faulty_provider.down = True
    for _ in range(2):
        unsure = await harness.step(order, "void")
        assert (unsure["state"], unsure["waiting"]) == ("voided", "void")
    await harness.cluster.settle()
    assert await harness.provider.find(order, f"{order}:void") is None
    harness.faulty_provider.down = False
    await follow(harness, order, "voided")
    assert await harness.provider.find(order, f"{order}:void") == ProviderResult("done")


async def void_as_before_decision_60(harness: PaymentsHarness, order: str) -> None:
    """Store what a void of an unknown payment was then: no step, and the provider knows nothing."""
    change = {"stream": "s", "sequence": 1, "time": "", "traceparent": ""}
    data: dict[str, object] = {"order": order, "terms": None, "steps": [], "entries": []}
    envelope = {"schema": 1, "version": 1, "change": change, "data": data}
    await harness.cluster.state("payments").set(f"payment:{order}", envelope)
    assert (await harness.get(order))["state"] == "voided"


@pytest.mark.parametrize("fault", ["", "lost answer", "pending", "down"])
async def test_an_order_that_an_older_release_voided_is_never_charged(
    harness: PaymentsHarness, fault: str
) -> None:
    order, provider = harness.new_order(), harness.faulty_provider
    await void_as_before_decision_60(harness, order)
    provider.loses_answers, provider.down = int(fault == "lost answer"), fault == "down"
    refused = await harness.authorize(order, "tok_pending" if fault == "pending" else "tok_ok")
    assert (refused.status, refused.json()["code"]) == (409, "voided")
    provider.down = False
    await follow(harness, order, "voided")
    assert await harness.provider.find(order, f"{order}:void") == ProviderResult("done")
    assert (await harness.request_step(order, "capture")).json()["code"] == "voided"


async def test_a_void_of_an_order_that_an_older_release_voided_asks_the_provider(
    harness: PaymentsHarness,
) -> None:
    order = harness.new_order()
    await void_as_before_decision_60(harness, order)
    for _ in range(2):
        assert (await harness.step(order, "void"))["state"] == "voided"
    assert await harness.provider.find(order, f"{order}:void") == ProviderResult("done")
    assert harness.faulty_provider.asked == 1
    assert (await harness.authorize(order)).status == 409
    await follow(harness, order, "voided")


async def test_a_repeat_with_another_card_changes_nothing(harness: PaymentsHarness) -> None:
    order = harness.new_order()
    harness.faulty_provider.loses_answers = 1
    assert (await harness.authorize(order)).json()["waiting"] == "authorize"
    assert (await harness.authorize(order, "tok_declined")).json()["state"] == "authorized"
    await follow(harness, order, "authorized")


async def test_a_capture_that_the_provider_performs_before_a_void_is_written_as_captured(
    harness: PaymentsHarness,
) -> None:
    """The void is written first: the provider decides, and not who writes first."""
    order, goes_on = harness.new_order(), asyncio.Event()
    await harness.authorize(order)
    submit = harness.faulty_provider.submit

    async def answers_late(operation: ProviderOperation) -> ProviderResult:
        result = await submit(operation)
        if operation.kind == "capture":
            await goes_on.wait()
        return result

    with mock.patch.object(harness.faulty_provider, "submit", answers_late):
        capturing = asyncio.create_task(harness.step(order, "capture"))
        await until(lambda: harness.faulty_provider.asked == 2)
        voided = await harness.step(order, "void")
        goes_on.set()
        assert (await capturing)["state"] == "captured"
    assert voided["state"] == "authorized"
    assert (await harness.request_step(order, "void")).json()["code"] == "captured"
    await follow(harness, order, "captured")


async def test_a_payment_that_another_process_voids_is_not_captured_by_who_authorized_it(
    harness: PaymentsHarness,
) -> None:
    order, first = harness.new_order(), harness.payments
    await harness.authorize(order)
    await harness.start()
    assert (await harness.step(order, "void"))["state"] == "voided"
    late = await first.call("POST", f"/payments/{order}/capture", caller="orders", json={})
    assert (late.status, late.json()["state"]) == (200, "voided")
    assert await harness.provider.find(order, f"{order}:capture") == ProviderResult(
        "refused", "voided"
    )
    await follow(harness, order, "voided")
    await first.stop()


async def test_a_payment_is_read_while_the_provider_captures_it(harness: PaymentsHarness) -> None:
    """So its read shares a call with that of the sandbox provider."""
    order = harness.new_order()
    await harness.authorize(order)

    async def waits(call: Call) -> None:
        if call == Call("get", (f"payment:{order}",)):
            await until(lambda: harness.faulty_provider.asked == 2)

    harness.payments.sidecar.state.faults.before.append(waits)
    assert (await harness.step(order, "capture"))["state"] == "captured"


# ── accounts ────────────────────────────────────────────────────────────────────────────────────


def booking(harness: PaymentsHarness) -> list[str]:
    """The names of the state calls about payments and accounts."""
    kinds = ("payment:", "statement:", "ledger:", "unsettled:")
    calls = harness.payments.sidecar.state.faults.calls
    return [call.name for call in calls if any(key.startswith(kinds) for key in call.about)]


async def test_projecting_a_payment_costs_two_reads_and_one_write_and_an_old_version_nothing(
    harness: PaymentsHarness,
) -> None:
    await harness.pay(buyer="100000000000000008")
    await harness.settle()
    harness.cluster.broker.hold()
    await harness.pay(buyer="100000000000000009")
    await until(lambda: len(harness.cluster.broker.events("payments")) == 4)
    harness.payments.sidecar.state.faults.calls.clear()
    harness.cluster.broker.release(seed=7)
    await harness.cluster.broker.idle()
    used = booking(harness)
    # The accounts of other shards may be new, like that of the buyer.
    assert used[:2] == ["get_many", "get_many"]
    assert used.count("get_many") == 2
    assert used.count("transact") <= 1
    assert used.count("get") == 0
    assert 1 <= used.count("compare_and_set") <= 4
    await harness.settle()
    await harness.check_ledger()


async def test_an_event_of_a_step_that_is_being_settled_waits_briefly(
    harness: PaymentsHarness,
) -> None:
    order, goes_on = harness.new_order(), asyncio.Event()
    await harness.authorize(order)
    await harness.settle()
    submit = harness.faulty_provider.submit

    async def slowly(operation: ProviderOperation) -> ProviderResult:
        await goes_on.wait()
        return await submit(operation)

    with mock.patch.object(harness.faulty_provider, "submit", slowly):
        asking = asyncio.create_task(harness.step(order, "void"))
        await until(lambda: len(harness.cluster.broker.events("payments")) == 2)
        goes_on.set()
        assert (await asking)["state"] == "voided"
    await harness.cluster.settle()
    assert not harness.cluster.state("payments").keys("unsettled:")
    await harness.settle()
    await harness.check_ledger()


async def test_an_event_of_a_slow_step_is_not_waited_for(
    harness: PaymentsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This process may die before it settles the step, so the step is listed as open."""
    monkeypatch.setattr(payment_service, "SETTLEMENT_WAIT", 0.01)
    order, goes_on = harness.new_order(), asyncio.Event()
    await harness.authorize(order)
    await harness.settle()
    submit = harness.faulty_provider.submit

    async def slowly(operation: ProviderOperation) -> ProviderResult:
        await goes_on.wait()
        return await submit(operation)

    def is_listed() -> bool:
        state = harness.cluster.state("payments")
        return any(order in str(state.peek(key)) for key in state.keys("unsettled:"))

    with mock.patch.object(harness.faulty_provider, "submit", slowly):
        asking = asyncio.create_task(harness.step(order, "void"))
        await until(is_listed)
        goes_on.set()
        assert (await asking)["state"] == "voided"
    await harness.settle()
    assert not is_listed()
    await harness.check_ledger()


@pytest.mark.parametrize(
    ("call", "about", "after"),
    [
        ("get_many", "payment:", False),
        ("transact", "statement:", False),
        ("transact", "statement:", True),
        ("compare_and_set", "statement:buyer:", False),
        ("compare_and_set", "statement:buyer:", True),
    ],
)
async def test_a_crash_while_accounts_are_projected_loses_and_repeats_nothing(
    harness: PaymentsHarness, call: str, about: str, after: bool
) -> None:
    await harness.pay(buyer="100000000000000008")
    await harness.settle()
    harness.payments.sidecar.state.faults.crash(call, about=about, after=after)
    dying = asyncio.create_task(harness.pay(buyer="100000000000000009"))
    await asyncio.wait_for(harness.payments.sidecar.state.faults.dead.wait(), 60)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    await harness.restart()
    await harness.settle()
    await harness.check_ledger()
    assert await harness.balance("buyer:100000000000000009:EUR") in (0, -10_000)


async def test_replicas_with_events_in_any_order_make_the_same_accounts(
    harness: PaymentsHarness,
) -> None:
    """A replica that did not write a payment reads its later versions."""
    first = harness.payments
    await harness.start()
    harness.cluster.broker.copies = 2
    harness.cluster.broker.hold()
    orders = [await harness.pay(amount=1_000 + n) for n in range(6)]
    for order in orders[::2]:
        await harness.step(order, "refund", amount=300, key="a")
    await until(lambda: len(harness.cluster.broker.events("payments")) == 6 * 2 + 3 * 2)
    harness.cluster.broker.release(seed=3)
    await harness.settle()
    await harness.check_ledger()
    assert await harness.balance(f"buyer:{BUYER}:EUR") == -(6_015 - 900)
    await first.stop()


# ── webhooks ────────────────────────────────────────────────────────────────────────────────────


def webhook_body(order: str, step: str = "authorize", **other: object) -> bytes:
    said: dict[str, object] = {
        "id": "1",
        "charge": order,
        "key": f"{order}:{step}",
        "outcome": "done",
        "reason": "",
        "amount": 10_000,
        "currency": "EUR",
    }
    return orjson.dumps(said | other)


def signature_of(body: bytes, *, ago: int = 0, secret: str = WEBHOOK_SECRET) -> str:
    return sign(secret, body, int(time.time()) - ago)


async def pending(harness: PaymentsHarness) -> str:
    order = harness.new_order()
    assert (await harness.authorize(order, "tok_pending")).json()["state"] == "pending"
    return order


async def test_a_pending_payment_is_decided_by_a_webhook(harness: PaymentsHarness) -> None:
    order = await pending(harness)
    body = webhook_body(order)
    answer = await harness.webhook(body, signature_of(body))
    assert (answer.status, answer.json()) == (200, {})
    assert (await harness.get(order))["state"] == "authorized"
    await follow(harness, order, "authorized")


async def test_a_repeated_or_late_webhook_changes_nothing(harness: PaymentsHarness) -> None:
    order = await pending(harness)
    body = webhook_body(order)
    late = webhook_body(order, outcome="pending")
    for each in (body, body, late, webhook_body(order, outcome="refused"), body):
        assert (await harness.webhook(each, signature_of(each))).status == 200
    assert (await harness.get(order))["state"] == "authorized"
    await harness.step(order, "void")
    assert (await harness.webhook(body, signature_of(body))).status == 200
    await follow(harness, order, "voided")


async def test_a_webhook_may_decline(harness: PaymentsHarness) -> None:
    order = await pending(harness)
    body = webhook_body(order, outcome="refused", reason="declined")
    await harness.webhook(body, signature_of(body))
    known = await harness.get(order)
    assert (known["state"], known["reason"]) == ("declined", "declined")


async def test_a_webhook_without_a_valid_signature_is_refused(harness: PaymentsHarness) -> None:
    order = await pending(harness)
    body = webhook_body(order)
    good = signature_of(body)
    at, _, mac = good.partition(",v1=")
    for signature, code in (
        ("", "not_signed"),
        ("nonsense", "not_signed"),
        (mac, "not_signed"),
        (f"{at},v1={'0' * 64}", "bad_signature"),
        (signature_of(body, secret="another secret"), "bad_signature"),
        (signature_of(body + b" "), "bad_signature"),
        (f"t={int(at[2:]) + 1},v1={mac}", "bad_signature"),
        (signature_of(body, ago=TOLERANCE + 1), "stale_signature"),
        (signature_of(body, ago=-TOLERANCE - 30), "stale_signature"),
    ):
        answer = await harness.webhook(body, signature)
        assert (answer.status, answer.json()["code"]) == (403, code), signature
    assert (await harness.get(order))["state"] == "pending"


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"amount": 9_999}, 409),
        ({"currency": "USD"}, 409),
        ({"key": "1:authorize"}, 404),
        ({"step": "capture"}, 404),
        ({"charge": "116548273934401537"}, 404),
        ({"outcome": "won"}, 422),
        ({"amount": -1}, 422),
        ({"charge": "../1"}, 422),
    ],
)
async def test_a_webhook_of_another_payment_changes_nothing(
    harness: PaymentsHarness, said: dict[str, object], status: int
) -> None:
    order = await pending(harness)
    body = webhook_body(order, str(said.pop("step", "authorize")), **said)
    answer = await harness.webhook(body, signature_of(body))
    assert answer.status == status, answer.text
    assert (await harness.get(order))["state"] == "pending"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"id": "1"}'])
async def test_an_invalid_webhook_is_refused_even_if_it_is_signed(
    harness: PaymentsHarness, body: bytes
) -> None:
    assert (await harness.webhook(body, signature_of(body))).status == 422


async def test_a_webhook_is_limited_and_only_the_gateway_may_send_it(
    harness: PaymentsHarness,
) -> None:
    order = await pending(harness)
    body = webhook_body(order, reason="x" * 70_000)
    assert (await harness.webhook(body, signature_of(body))).status == 413
    body = webhook_body(order)
    headers = {"provider-signature": signature_of(body)}
    answer = await harness.payments.call(
        "POST", "/webhooks/provider", caller="orders", data=body, headers=headers
    )
    assert answer.status == 403


async def test_a_pending_payment_is_reconciled_without_webhooks(harness: PaymentsHarness) -> None:
    order = await pending(harness)
    await harness.cluster.settle()
    await harness.reconcile()
    assert (await harness.get(order))["state"] == "pending"
    harness.clock.now += 100.0
    await follow(harness, order, "authorized")


async def test_the_sandbox_provider_sends_webhooks_to_the_gateway() -> None:
    """Composed as in the system: signed with the secret of the secret store."""
    async with FakeCluster() as cluster:
        cluster.secrets[SECRET_NAME] = WEBHOOK_SECRET
        running = await cluster.start(payments_app, "payments")
        terms = {"buyer": BUYER, "seller": SELLER, "amount": 5, "currency": "EUR"}
        await running.call(
            "POST",
            "/payments/116548273934401537/authorize",
            caller="orders",
            json=terms | {"card": "tok_duplicate_callback"},
        )

        def called() -> int:
            calls = [call.about for call in running.sidecar.faults.calls]
            return calls.count(("gateway", f"gateway/{GATEWAY_PATH}"))

        await until(lambda: called() >= 2)
