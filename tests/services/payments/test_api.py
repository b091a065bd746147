"""The routes of payments: authorize, capture, void and refund."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.contracts.payments import (
    LedgerPage,
    Payment,
)
from services.payments.domain.payments import ProviderResult
from tests.services.payments.harness import BUYER, SELLER, PaymentsHarness

BUYERS, SELLERS = f"buyer:{BUYER}:EUR", f"seller:{SELLER}:EUR"


async def test_a_payment_moves_from_the_buyer_through_holds_to_the_seller(
    harness: PaymentsHarness,
) -> None:
    order = harness.new_order()
    held = (await harness.authorize(order)).json()
    assert Payment.model_validate(held).state == "authorized"
    await harness.settle()
    assert await harness.balance(BUYERS) == -10_000
    assert await harness.balance("holds:EUR") == 10_000
    taken = await harness.step(order, "capture")
    assert (taken["state"], taken["captured"], taken["fee"]) == ("captured", 10_000, 300)
    await harness.settle()
    assert await harness.balance("holds:EUR") == 0
    assert await harness.balance(SELLERS) == 9_700
    assert await harness.balance("fees:EUR") == 300
    await harness.check_ledger()


async def test_a_declined_card_holds_nothing(harness: PaymentsHarness) -> None:
    order = harness.new_order()
    answer = await harness.authorize(order, "tok_declined")
    assert answer.status == 200
    assert (answer.json()["state"], answer.json()["reason"]) == ("declined", "declined")
    assert (await harness.authorize(harness.new_order(), "tok_unheard_of")).json()[
        "reason"
    ] == "unknown_card"
    assert (await harness.request_step(order, "capture")).json()["code"] == "not_authorized"
    assert (await harness.step(order, "void"))["state"] == "declined"
    await harness.settle()
    assert await harness.balance(BUYERS) == 0
    await harness.check_ledger()


async def test_a_void_returns_the_amount_to_the_buyer(harness: PaymentsHarness) -> None:
    order = harness.new_order()
    await harness.authorize(order)
    assert (await harness.step(order, "void"))["state"] == "voided"
    assert (await harness.step(order, "void"))["state"] == "voided"
    refused = await harness.request_step(order, "capture")
    assert (refused.status, refused.json()["code"]) == (409, "voided")
    assert (await harness.authorize(order)).json()["state"] == "voided"
    await harness.settle()
    assert await harness.balance(BUYERS) == await harness.balance("holds:EUR") == 0
    await harness.check_ledger()


async def test_an_order_that_was_voided_before_its_authorization_is_never_charged(
    harness: PaymentsHarness,
) -> None:
    order = harness.new_order()
    assert (await harness.step(order, "void"))["state"] == "voided"
    refused = await harness.authorize(order)
    assert (refused.status, refused.json()["code"]) == (409, "voided")
    assert (await harness.request_step(order, "capture")).json()["code"] == "voided"
    assert (await harness.request_step(order, "refund")).json()["code"] == "voided"
    held = await harness.provider.find(order, f"{order}:authorize")
    assert held == ProviderResult("refused", "voided")
    await harness.settle()
    await harness.check_ledger()


async def test_every_step_may_be_repeated_also_concurrently(harness: PaymentsHarness) -> None:
    order = harness.new_order()
    answers = await asyncio.gather(*(harness.authorize(order) for _ in range(5)))
    assert {answer.json()["state"] for answer in answers} <= {"authorized", "pending"}
    await harness.settle()
    answers = await asyncio.gather(*(harness.request_step(order, "capture") for _ in range(5)))
    assert {answer.status for answer in answers} == {200}
    await harness.settle()
    assert (await harness.get(order))["state"] == "captured"
    answers = await asyncio.gather(*(harness.request_step(order, "refund") for _ in range(5)))
    assert {answer.status for answer in answers} == {200}
    await harness.settle()
    assert (await harness.get(order))["state"] == "refunded"
    payment = await harness.store.payments.get(order)
    assert payment is not None
    assert [entry.step for entry in payment.entries] == ["authorize", "capture", "refund:all"]
    await harness.check_ledger()


async def test_one_of_two_concurrent_authorizations_with_other_terms_wins(
    harness: PaymentsHarness,
) -> None:
    for _ in range(5):
        order = harness.new_order()
        answers = await asyncio.gather(
            *(harness.authorize(order, amount=amount) for amount in (1_000, 2_000))
        )
        assert sorted(answer.status for answer in answers) == [200, 409]
        (done,) = [answer.json() for answer in answers if answer.status == 200]
        assert done["state"] == "authorized"
        charge = await harness.store.charges.get(order)
        assert charge is not None
        assert [deed.amount for deed in charge.deeds] == [done["amount"]]
        assert (await harness.get(order))["amount"] == done["amount"]
    await harness.settle()
    await harness.check_ledger()


async def test_one_of_a_concurrent_capture_and_void_wins(harness: PaymentsHarness) -> None:
    for _ in range(5):
        order = harness.new_order()
        await harness.authorize(order)
        answers = await asyncio.gather(
            harness.request_step(order, "capture"), harness.request_step(order, "void")
        )
        assert {answer.status for answer in answers} <= {200, 409}
        await harness.settle()
        (done,) = [
            step
            for step in ("capture", "void")
            if await harness.provider.find(order, f"{order}:{step}") == ProviderResult("done")
        ]
        state = {"capture": "captured", "void": "voided"}[done]
        assert (await harness.get(order))["state"] == state
    await harness.check_ledger()


async def test_the_same_step_with_other_terms_is_refused(harness: PaymentsHarness) -> None:
    order = harness.new_order()
    await harness.authorize(order)
    for other in ({"amount": 9_999}, {"currency": "USD"}, {"buyer": "3"}, {"seller": "3"}):
        refused = await harness.authorize(order, **other)
        assert (refused.status, refused.json()["code"]) == (409, "payment_differs"), other
    await harness.step(order, "capture")
    await harness.step(order, "refund", amount=100, key="a")
    refused = await harness.request_step(order, "refund", amount=101, key="a")
    assert (refused.status, refused.json()["code"]) == (409, "payment_differs")
    assert (await harness.request_step(order, "refund", key="a")).json()[
        "code"
    ] == "payment_differs"


async def test_partial_refunds_are_limited_to_the_captured_amount(
    harness: PaymentsHarness,
) -> None:
    order = await harness.pay()
    some = await harness.step(order, "refund", amount=2_500, key="a")
    assert (some["state"], some["refunded"], some["fee"]) == ("captured", 2_500, 225)
    assert (await harness.step(order, "refund", amount=2_500, key="a"))["refunded"] == 2_500
    much = await harness.request_step(order, "refund", amount=7_501, key="b")
    assert (much.status, much.json()["code"]) == (409, "too_much")
    rest = await harness.step(order, "refund")
    assert (rest["state"], rest["refunded"], rest["fee"]) == ("refunded", 10_000, 0)
    assert (await harness.step(order, "refund"))["refunded"] == 10_000
    assert (await harness.request_step(order, "refund", key="c")).json()["code"] == "too_much"
    await harness.settle()
    for account in (BUYERS, SELLERS, "fees:EUR", "holds:EUR"):
        assert await harness.balance(account) == 0
    await harness.check_ledger()


async def test_an_uncaptured_payment_cannot_be_refunded(harness: PaymentsHarness) -> None:
    order = harness.new_order()
    assert (await harness.request_step(order, "refund")).status == 404
    assert (await harness.request_step(order, "capture")).status == 404
    await harness.authorize(order)
    assert (await harness.request_step(order, "refund")).json()["code"] == "not_captured"
    await harness.step(order, "capture")
    assert (await harness.request_step(order, "void")).json()["code"] == "captured"
    mismatch = await harness.request_step(order, "refund", amount=1, currency="USD")
    assert (mismatch.status, mismatch.json()["code"]) == (409, "currency_mismatch")


async def test_a_refused_capture_can_be_voided(harness: PaymentsHarness) -> None:
    order = harness.new_order()
    await harness.authorize(order, "tok_capture_declined")
    refused = await harness.step(order, "capture")
    assert (refused["state"], refused["reason"]) == ("authorized", "declined")
    assert (await harness.step(order, "capture"))["state"] == "authorized"
    assert (await harness.step(order, "void"))["state"] == "voided"
    await harness.settle()
    await harness.check_ledger()


async def test_the_number_of_refunds_is_limited(harness: PaymentsHarness) -> None:
    order = await harness.pay()
    for n in range(20):
        await harness.step(order, "refund", amount=1, key=str(n))
    assert (await harness.request_step(order, "refund", amount=1, key="20")).status == 422


@pytest.mark.parametrize(
    "terms",
    [
        {"amount": 0},
        {"amount": -5},
        {"amount": 10**11 + 1},
        {"amount": 2**62},
        {"amount": 1.5},
        {"amount": "100"},
        {"amount": True},
        {"amount": None},
        {"currency": "eur"},
        {"currency": "XXX"},
        {"currency": None},
        {"buyer": ""},
        {"buyer": "x"},
        {"seller": "-1"},
        {"card": ""},
        {"card": "4111 1111 1111 1111"},
        {"card": "x" * 201},
    ],
)
async def test_invalid_terms_are_refused_and_leave_nothing(
    harness: PaymentsHarness, terms: dict[str, Any]
) -> None:
    order = harness.new_order()
    assert (await harness.authorize(order, **terms)).status == 422
    assert (await harness.request_step(order, "capture")).status == 404
    assert harness.faulty_provider.asked == 0


@pytest.mark.parametrize("amount", [0, -1, 10**12, "1", 0.5])
async def test_refunds_of_invalid_amounts_are_refused(
    harness: PaymentsHarness, amount: object
) -> None:
    order = await harness.pay()
    assert (await harness.request_step(order, "refund", amount=amount)).status == 422
    assert (await harness.get(order))["refunded"] == 0


@pytest.mark.parametrize("order", ["x", "-1", "9" * 19, "1:2", "1%2F2"])
async def test_invalid_ids_are_not_found(harness: PaymentsHarness, order: str) -> None:
    assert (await harness.request_step(order, "void")).status == 404


@pytest.mark.parametrize("caller", ["gateway", "catalog", "payments", ""])
async def test_only_the_orders_service_may_change_payments(
    harness: PaymentsHarness, caller: str
) -> None:
    order = await harness.pay()
    for method, path in (
        ("GET", ""),
        *(("POST", f"/{step}") for step in ("authorize", "capture", "void", "refund")),
    ):
        answer = await harness.payments.call(
            method, f"/payments/{order}{path}", caller=caller, json={}
        )
        assert answer.status == 403, path


async def test_payment_events_contain_no_cards(harness: PaymentsHarness) -> None:
    order = await harness.pay()
    await harness.cluster.settle()
    events = harness.cluster.broker.events("payments")
    published = [Payment.model_validate(event["data"]) for event in events]
    assert published[-1].state == "captured"
    assert all(payment.order == order for payment in published)
    assert "tok_ok" not in str(events)
    payment = await harness.store.payments.get(order)
    assert payment is not None
    assert payment.terms is not None
    assert payment.terms.card == ""


async def test_repeated_events_in_any_order_change_no_balance(harness: PaymentsHarness) -> None:
    harness.cluster.broker.hold()
    harness.cluster.broker.copies = 3
    for _ in range(4):
        order = await harness.pay()
        await harness.step(order, "refund", amount=1_000)
    harness.cluster.broker.release(seed=4)
    await harness.settle()
    assert await harness.balance(BUYERS) == -4 * 9_000
    assert await harness.balance(SELLERS) == 4 * (9_000 - 270)
    await harness.check_ledger()


async def test_users_see_their_own_accounts_only(harness: PaymentsHarness) -> None:
    order = await harness.pay()
    await harness.step(order, "refund", amount=1_000)
    await harness.pay(currency="JPY", amount=500)
    await harness.settle()
    buyer, seller = (harness.cluster.token(id, "read:shop") for id in (BUYER, SELLER))
    spent = await harness.payments.call("GET", "/balances", token=buyer)
    assert {(b["account"], b["currency"]): b["balance"] for b in spent.json()} == {
        ("buyer", "EUR"): -9_000,
        ("buyer", "JPY"): -500,
    }
    earned = (await harness.payments.call("GET", "/statements/seller/EUR", token=seller)).json()
    assert earned["balance"] == 8_730
    assert [(line["step"], line["amount"]) for line in earned["lines"]] == [
        ("refund:all", -970),
        ("capture", 9_700),
    ]
    nothing = (await harness.payments.call("GET", "/statements/seller/EUR", token=buyer)).json()
    assert nothing == {"balance": 0, "lines": []}
    other = harness.cluster.token(SELLER, "read:statuses")
    assert (await harness.payments.call("GET", "/balances", token=other)).status == 403
    assert (await harness.payments.call("GET", "/balances")).status == 401
    wrong = await harness.payments.call("GET", "/statements/fees/EUR", token=seller)
    assert wrong.status == 422


async def test_only_operators_may_read_the_ledger(harness: PaymentsHarness) -> None:
    await harness.pay()
    await harness.settle()
    found = await harness.payments.operate("GET", "/ledger")
    assert found.json()["sums"] in ({"EUR": 0}, {})
    assert set(found.json()) == set(LedgerPage.model_fields)
    names = {"names": f"buyer:{BUYER}:EUR,seller:{SELLER}:EUR"}
    held = await harness.payments.operate("GET", "/ledger/balances", params=names)
    assert held.json() == {BUYERS: -10_000, SELLERS: 9_700}
    for path in ("/ledger", "/ledger/balances?names=a"):
        assert (await harness.payments.call("GET", path, caller="orders")).status == 403
    for after in ("x", "16:", "-1:", "0:x"):
        params = {"after": after}
        answer = await harness.payments.operate("GET", "/ledger", params=params)
        assert answer.status == 422, after
