"""The provider does not answer, we die, answers come twice, late, or by webhook."""

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
from tests.fakes import World, until
from tests.services.payments.harness import (
    BUYER,
    SELLER,
    WEBHOOK_SECRET,
    PaymentsHarness,
    payments_app,
)


async def follow(bank: PaymentsHarness, order: str, state: str) -> None:
    await bank.settle()
    assert (await bank.get(order))["state"] == state
    assert (await bank.get(order))["waiting"] == ""
    await bank.check_ledger()


async def test_an_answer_that_is_lost_is_asked_for_again(bank: PaymentsHarness) -> None:
    order = bank.new_order()
    bank.faulty_provider.loses_answers = 1
    unsure = (await bank.authorize(order)).json()
    assert (unsure["state"], unsure["waiting"]) == ("pending", "authorize")
    assert (await bank.request_step(order, "capture")).json()["code"] == "not_authorized"
    await follow(bank, order, "authorized")
    bank.faulty_provider.loses_answers = 1
    unsure = await bank.step(order, "capture")
    assert (unsure["state"], unsure["waiting"]) == ("authorized", "capture")
    assert (await bank.request_step(order, "void")).json()["code"] == "captured"
    await follow(bank, order, "captured")
    assert bank.faulty_provider.asked == 2


async def test_who_asks_again_hears_what_became_of_it(bank: PaymentsHarness) -> None:
    order = bank.new_order()
    bank.faulty_provider.loses_answers = 1
    await bank.authorize(order)
    assert (await bank.authorize(order)).json()["state"] == "authorized"


async def test_a_provider_that_is_down_is_asked_until_it_is_back(bank: PaymentsHarness) -> None:
    order = bank.new_order()
    bank.faulty_provider.down = True
    assert (await bank.authorize(order)).json()["waiting"] == "authorize"
    await bank.world.settle()
    await bank.reconcile()
    assert (await bank.get(order))["state"] == "pending"
    bank.faulty_provider.down = False
    await follow(bank, order, "authorized")


async def test_one_damaged_payment_does_not_stop_the_reconciler(bank: PaymentsHarness) -> None:
    order, damaged = bank.new_order(), bank.new_order()
    bank.faulty_provider.down = True
    await bank.authorize(order)
    await bank.world.settle()
    state = bank.world.state("payments")
    await state.set(f"payment:{damaged}", {"schema": 1, "version": 1, "data": {"steps": 1}})
    await bank.store.unsettled.insert(shard(damaged), [[damaged]])
    bank.faulty_provider.down = False
    await bank.reconcile()
    assert (await bank.get(order))["state"] == "authorized"


async def test_a_void_ends_what_nobody_knows_of(bank: PaymentsHarness) -> None:
    order = bank.new_order()
    bank.faulty_provider.loses_answers = 1
    await bank.authorize(order)
    assert (await bank.step(order, "void"))["state"] == "voided"
    await follow(bank, order, "voided")
    held = await bank.provider.find(order, f"{order}:void")
    assert held is not None
    assert held.outcome == "done"


async def test_a_void_without_an_answer_is_carried_out_all_the_same(bank: PaymentsHarness) -> None:
    order = bank.new_order()
    await bank.authorize(order)
    bank.faulty_provider.down = True
    assert (await bank.step(order, "void"))["waiting"] == "void"
    assert (await bank.request_step(order, "capture")).json()["code"] == "voided"
    bank.faulty_provider.down = False
    await follow(bank, order, "voided")


@pytest.mark.parametrize("step", ["authorize", "capture"])
@pytest.mark.parametrize(
    ("write", "about", "nth", "after"),
    [
        ("set", "journal:", 1, False),
        ("compare_and_set", "payment:", 1, True),
        ("set", "journal:", 2, False),
        ("compare_and_set", "payment:", 2, False),
        ("compare_and_set", "payment:", 2, True),
    ],
)
async def test_a_crash_at_any_write_charges_nobody_twice_and_forgets_nothing(
    bank: PaymentsHarness, step: str, write: str, about: str, nth: int, after: bool
) -> None:
    """The step is noted and written down, the provider does it, and so is its outcome."""
    order, card = bank.new_order(), "tok_timeout_after_success"
    if step == "capture":
        await bank.authorize(order, card)
        await bank.settle()
    bank.payments.sidecar.state.faults.crash(write, about=about, nth=nth, after=after)
    dying = asyncio.create_task(
        bank.authorize(order, card) if step == "authorize" else bank.request_step(order, step)
    )
    await asyncio.wait_for(bank.payments.sidecar.state.faults.dead.wait(), 60)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    await bank.restart()
    await bank.settle()
    await bank.authorize(order, card)
    await bank.settle()
    await bank.request_step(order, "capture")
    await follow(bank, order, "captured")


# ── accounts ────────────────────────────────────────────────────────────────────────────────────


def booking(bank: PaymentsHarness) -> list[str]:
    """What calls about payments and accounts the service made, by name."""
    kinds = ("payment:", "statement:", "ledger:", "unsettled:")
    calls = bank.payments.sidecar.state.faults.calls
    return [call.name for call in calls if any(key.startswith(kinds) for key in call.about)]


async def test_news_of_a_payment_is_one_read_and_one_write_and_what_is_known_better_none(
    bank: PaymentsHarness,
) -> None:
    await bank.pay(buyer="100000000000000008")
    await bank.settle()
    bank.world.broker.hold()
    await bank.pay(buyer="100000000000000009")
    await until(lambda: len(bank.world.broker.events("payments")) == 8)
    bank.payments.sidecar.state.faults.calls.clear()
    bank.world.broker.release(seed=7)
    await bank.world.broker.idle()
    used = booking(bank)
    # Accounts of other shards may be new, as the buyer's is.
    assert used[:1] == ["get_many"]
    assert used.count("get_many") == 1
    assert used.count("transact") <= 1
    assert used.count("get") == 0
    assert 1 <= used.count("compare_and_set") <= 4
    await bank.settle()
    await bank.check_ledger()


async def test_news_of_a_step_that_is_being_settled_waits_for_it_a_moment(
    bank: PaymentsHarness,
) -> None:
    order, goes_on = bank.new_order(), asyncio.Event()
    submit = bank.faulty_provider.submit

    async def slowly(operation: ProviderOperation) -> ProviderResult:
        await until(lambda: bool(bank.world.broker.events("payments")))
        await goes_on.wait()
        return await submit(operation)

    with mock.patch.object(bank.faulty_provider, "submit", slowly):
        asking = asyncio.create_task(bank.authorize(order))
        await until(lambda: bool(bank.world.broker.events("payments")))
        goes_on.set()
        assert (await asking).json()["state"] == "authorized"
    await bank.world.settle()
    assert not bank.world.state("payments").keys("unsettled:")
    await bank.settle()
    await bank.check_ledger()


async def test_news_of_a_step_that_takes_long_is_not_waited_for(
    bank: PaymentsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows whether this process will live to settle it: it is listed as open."""
    monkeypatch.setattr(payment_service, "SETTLEMENT_WAIT", 0.01)
    order, goes_on = bank.new_order(), asyncio.Event()
    submit = bank.faulty_provider.submit

    async def slowly(operation: ProviderOperation) -> ProviderResult:
        await goes_on.wait()
        return await submit(operation)

    def is_listed() -> bool:
        state = bank.world.state("payments")
        return any(order in str(state.peek(key)) for key in state.keys("unsettled:"))

    with mock.patch.object(bank.faulty_provider, "submit", slowly):
        asking = asyncio.create_task(bank.authorize(order))
        await until(is_listed)
        goes_on.set()
        assert (await asking).json()["state"] == "authorized"
    await bank.settle()
    assert not is_listed()
    await bank.check_ledger()


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
async def test_a_crash_while_accounts_are_made_loses_and_doubles_nothing(
    bank: PaymentsHarness, call: str, about: str, after: bool
) -> None:
    await bank.pay(buyer="100000000000000008")
    await bank.settle()
    bank.payments.sidecar.state.faults.crash(call, about=about, after=after)
    dying = asyncio.create_task(bank.pay(buyer="100000000000000009"))
    await asyncio.wait_for(bank.payments.sidecar.state.faults.dead.wait(), 60)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    await bank.restart()
    await bank.settle()
    await bank.check_ledger()
    assert await bank.balance("buyer:100000000000000009:EUR") in (0, -10_000)


async def test_replicas_that_hear_in_any_order_and_twice_make_the_same_accounts(
    bank: PaymentsHarness,
) -> None:
    """One that did not make a payment knows nothing of its later versions, and reads them."""
    first = bank.payments
    await bank.start()
    bank.world.broker.copies = 2
    bank.world.broker.hold()
    orders = [await bank.pay(amount=1_000 + n) for n in range(6)]
    for order in orders[::2]:
        await bank.step(order, "refund", amount=300, key="a")
    await until(lambda: len(bank.world.broker.events("payments")) == 6 * 4 + 3 * 2)
    bank.world.broker.release(seed=3)
    await bank.settle()
    await bank.check_ledger()
    assert await bank.balance(f"buyer:{BUYER}:EUR") == -(6_015 - 900)
    await first.stop()


# ── webhooks ────────────────────────────────────────────────────────────────────────────────────


def told(order: str, step: str = "authorize", **other: object) -> bytes:
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


async def pending(bank: PaymentsHarness) -> str:
    order = bank.new_order()
    assert (await bank.authorize(order, "tok_pending")).json()["state"] == "pending"
    return order


async def test_a_pending_payment_is_decided_by_a_webhook(bank: PaymentsHarness) -> None:
    order = await pending(bank)
    body = told(order)
    answer = await bank.webhook(body, signature_of(body))
    assert (answer.status, answer.json()) == (200, {})
    assert (await bank.get(order))["state"] == "authorized"
    await follow(bank, order, "authorized")


async def test_a_webhook_once_more_or_late_changes_nothing(bank: PaymentsHarness) -> None:
    order = await pending(bank)
    body = told(order)
    late = told(order, outcome="pending")
    for each in (body, body, late, told(order, outcome="refused"), body):
        assert (await bank.webhook(each, signature_of(each))).status == 200
    assert (await bank.get(order))["state"] == "authorized"
    await bank.step(order, "void")
    assert (await bank.webhook(body, signature_of(body))).status == 200
    await follow(bank, order, "voided")


async def test_a_webhook_may_decline(bank: PaymentsHarness) -> None:
    order = await pending(bank)
    body = told(order, outcome="refused", reason="declined")
    await bank.webhook(body, signature_of(body))
    known = await bank.get(order)
    assert (known["state"], known["reason"]) == ("declined", "declined")


async def test_what_the_provider_did_not_sign_is_refused(bank: PaymentsHarness) -> None:
    order = await pending(bank)
    body = told(order)
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
        answer = await bank.webhook(body, signature)
        assert (answer.status, answer.json()["code"]) == (403, code), signature
    assert (await bank.get(order))["state"] == "pending"


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
async def test_a_webhook_of_something_else_decides_nothing(
    bank: PaymentsHarness, said: dict[str, object], status: int
) -> None:
    order = await pending(bank)
    body = told(order, str(said.pop("step", "authorize")), **said)
    answer = await bank.webhook(body, signature_of(body))
    assert answer.status == status, answer.text
    assert (await bank.get(order))["state"] == "pending"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"id": "1"}'])
async def test_nonsense_is_refused_even_when_it_is_signed(
    bank: PaymentsHarness, body: bytes
) -> None:
    assert (await bank.webhook(body, signature_of(body))).status == 422


async def test_a_webhook_is_bounded_and_comes_through_the_gateway_alone(
    bank: PaymentsHarness,
) -> None:
    order = await pending(bank)
    body = told(order, reason="x" * 70_000)
    assert (await bank.webhook(body, signature_of(body))).status == 413
    body = told(order)
    headers = {"provider-signature": signature_of(body)}
    answer = await bank.payments.call(
        "POST", "/webhooks/provider", caller="orders", data=body, headers=headers
    )
    assert answer.status == 403


async def test_without_webhooks_a_pending_payment_is_asked_for(bank: PaymentsHarness) -> None:
    order = await pending(bank)
    await bank.world.settle()
    await bank.reconcile()
    assert (await bank.get(order))["state"] == "pending"
    bank.clock.now += 100.0
    await follow(bank, order, "authorized")


async def test_the_built_in_provider_calls_the_public_door() -> None:
    """Wired as it is in the system: signed with the secret of the secret store."""
    async with World() as world:
        world.secrets[SECRET_NAME] = WEBHOOK_SECRET
        running = await world.start(payments_app, "payments")
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
