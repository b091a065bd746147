"""Authorise, capture, void and refund: once each, in whatever order they arrive."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.contracts.payments import (
    LedgerPage,
    Payment,
)
from tests.services.payments.harness import BUYER, SELLER, PaymentsHarness

BUYERS, SELLERS = f"buyer:{BUYER}:EUR", f"seller:{SELLER}:EUR"


async def test_a_payment_goes_from_the_buyer_by_the_holds_to_the_seller(
    bank: PaymentsHarness,
) -> None:
    order = bank.new_order()
    held = (await bank.authorize(order)).json()
    assert Payment.model_validate(held).state == "authorized"
    await bank.settle()
    assert await bank.balance(BUYERS) == -10_000
    assert await bank.balance("holds:EUR") == 10_000
    taken = await bank.step(order, "capture")
    assert (taken["state"], taken["captured"], taken["fee"]) == ("captured", 10_000, 300)
    await bank.settle()
    assert await bank.balance("holds:EUR") == 0
    assert await bank.balance(SELLERS) == 9_700
    assert await bank.balance("fees:EUR") == 300
    await bank.check_ledger()


async def test_a_card_that_is_declined_holds_nothing(bank: PaymentsHarness) -> None:
    order = bank.new_order()
    answer = await bank.authorize(order, "tok_declined")
    assert answer.status == 200
    assert (answer.json()["state"], answer.json()["reason"]) == ("declined", "declined")
    assert (await bank.authorize(bank.new_order(), "tok_unheard_of")).json()[
        "reason"
    ] == "unknown_card"
    assert (await bank.request_step(order, "capture")).json()["code"] == "not_authorized"
    assert (await bank.step(order, "void"))["state"] == "declined"
    await bank.settle()
    assert await bank.balance(BUYERS) == 0
    await bank.check_ledger()


async def test_what_is_voided_is_the_buyers_again(bank: PaymentsHarness) -> None:
    order = bank.new_order()
    await bank.authorize(order)
    assert (await bank.step(order, "void"))["state"] == "voided"
    assert (await bank.step(order, "void"))["state"] == "voided"
    refused = await bank.request_step(order, "capture")
    assert (refused.status, refused.json()["code"]) == (409, "voided")
    assert (await bank.authorize(order)).json()["state"] == "voided"
    await bank.settle()
    assert await bank.balance(BUYERS) == await bank.balance("holds:EUR") == 0
    await bank.check_ledger()


async def test_an_order_that_was_voided_before_it_was_known_is_never_charged(
    bank: PaymentsHarness,
) -> None:
    order = bank.new_order()
    assert (await bank.step(order, "void"))["state"] == "voided"
    refused = await bank.authorize(order)
    assert (refused.status, refused.json()["code"]) == (409, "voided")
    assert (await bank.request_step(order, "capture")).json()["code"] == "voided"
    assert (await bank.request_step(order, "refund")).json()["code"] == "voided"
    assert bank.faulty_provider.asked == 0
    await bank.settle()
    await bank.check_ledger()


async def test_every_step_may_be_asked_for_again_and_at_once(bank: PaymentsHarness) -> None:
    order = bank.new_order()
    answers = await asyncio.gather(*(bank.authorize(order) for _ in range(5)))
    assert {answer.json()["state"] for answer in answers} <= {"authorized", "pending"}
    await bank.settle()
    answers = await asyncio.gather(*(bank.request_step(order, "capture") for _ in range(5)))
    assert {answer.status for answer in answers} == {200}
    await bank.settle()
    assert (await bank.get(order))["state"] == "captured"
    answers = await asyncio.gather(*(bank.request_step(order, "refund") for _ in range(5)))
    assert {answer.status for answer in answers} == {200}
    await bank.settle()
    assert (await bank.get(order))["state"] == "refunded"
    payment = await bank.store.payments.get(order)
    assert payment is not None
    assert [entry.step for entry in payment.entries] == ["authorize", "capture", "refund:all"]
    await bank.check_ledger()


async def test_of_a_capture_and_a_void_at_once_one_wins(bank: PaymentsHarness) -> None:
    for _ in range(5):
        order = bank.new_order()
        await bank.authorize(order)
        answers = await asyncio.gather(
            bank.request_step(order, "capture"), bank.request_step(order, "void")
        )
        assert sorted(answer.status for answer in answers) == [200, 409]
        await bank.settle()
        assert (await bank.get(order))["state"] in ("captured", "voided")
    await bank.check_ledger()


async def test_the_same_step_with_other_terms_is_refused(bank: PaymentsHarness) -> None:
    order = bank.new_order()
    await bank.authorize(order)
    for other in ({"amount": 9_999}, {"currency": "USD"}, {"buyer": "3"}, {"seller": "3"}):
        refused = await bank.authorize(order, **other)
        assert (refused.status, refused.json()["code"]) == (409, "payment_differs"), other
    await bank.step(order, "capture")
    await bank.step(order, "refund", amount=100, key="a")
    refused = await bank.request_step(order, "refund", amount=101, key="a")
    assert (refused.status, refused.json()["code"]) == (409, "payment_differs")
    assert (await bank.request_step(order, "refund", key="a")).json()["code"] == "payment_differs"


async def test_a_payment_is_refunded_in_parts_up_to_what_was_captured(
    bank: PaymentsHarness,
) -> None:
    order = await bank.pay()
    some = await bank.step(order, "refund", amount=2_500, key="a")
    assert (some["state"], some["refunded"], some["fee"]) == ("captured", 2_500, 225)
    assert (await bank.step(order, "refund", amount=2_500, key="a"))["refunded"] == 2_500
    much = await bank.request_step(order, "refund", amount=7_501, key="b")
    assert (much.status, much.json()["code"]) == (409, "too_much")
    rest = await bank.step(order, "refund")
    assert (rest["state"], rest["refunded"], rest["fee"]) == ("refunded", 10_000, 0)
    assert (await bank.step(order, "refund"))["refunded"] == 10_000
    assert (await bank.request_step(order, "refund", key="c")).json()["code"] == "too_much"
    await bank.settle()
    for account in (BUYERS, SELLERS, "fees:EUR", "holds:EUR"):
        assert await bank.balance(account) == 0
    await bank.check_ledger()


async def test_nothing_is_refunded_that_was_not_captured(bank: PaymentsHarness) -> None:
    order = bank.new_order()
    assert (await bank.request_step(order, "refund")).status == 404
    assert (await bank.request_step(order, "capture")).status == 404
    await bank.authorize(order)
    assert (await bank.request_step(order, "refund")).json()["code"] == "not_captured"
    await bank.step(order, "capture")
    assert (await bank.request_step(order, "void")).json()["code"] == "captured"
    mismatch = await bank.request_step(order, "refund", amount=1, currency="USD")
    assert (mismatch.status, mismatch.json()["code"]) == (409, "currency_mismatch")


async def test_a_capture_that_the_provider_refuses_can_be_voided(bank: PaymentsHarness) -> None:
    order = bank.new_order()
    await bank.authorize(order, "tok_capture_declined")
    refused = await bank.step(order, "capture")
    assert (refused["state"], refused["reason"]) == ("authorized", "declined")
    assert (await bank.step(order, "capture"))["state"] == "authorized"
    assert (await bank.step(order, "void"))["state"] == "voided"
    await bank.settle()
    await bank.check_ledger()


async def test_an_order_has_a_bounded_number_of_refunds(bank: PaymentsHarness) -> None:
    order = await bank.pay()
    for n in range(20):
        await bank.step(order, "refund", amount=1, key=str(n))
    assert (await bank.request_step(order, "refund", amount=1, key="20")).status == 422


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
async def test_terms_that_break_a_rule_are_refused_and_leave_nothing(
    bank: PaymentsHarness, terms: dict[str, Any]
) -> None:
    order = bank.new_order()
    assert (await bank.authorize(order, **terms)).status == 422
    assert (await bank.request_step(order, "capture")).status == 404
    assert bank.faulty_provider.asked == 0


@pytest.mark.parametrize("amount", [0, -1, 10**12, "1", 0.5])
async def test_refunds_of_no_amount_are_refused(bank: PaymentsHarness, amount: object) -> None:
    order = await bank.pay()
    assert (await bank.request_step(order, "refund", amount=amount)).status == 422
    assert (await bank.get(order))["refunded"] == 0


@pytest.mark.parametrize("order", ["x", "-1", "9" * 19, "1:2", "1%2F2"])
async def test_ids_that_are_none_are_not_found(bank: PaymentsHarness, order: str) -> None:
    assert (await bank.request_step(order, "void")).status == 404


@pytest.mark.parametrize("caller", ["gateway", "catalog", "payments", ""])
async def test_only_orders_may_ask_for_money(bank: PaymentsHarness, caller: str) -> None:
    order = await bank.pay()
    for method, path in (
        ("GET", ""),
        *(("POST", f"/{step}") for step in ("authorize", "capture", "void", "refund")),
    ):
        answer = await bank.payments.call(
            method, f"/payments/{order}{path}", caller=caller, json={}
        )
        assert answer.status == 403, path


async def test_others_hear_of_payments_and_not_of_cards(bank: PaymentsHarness) -> None:
    order = await bank.pay()
    await bank.world.settle()
    events = bank.world.broker.events("payments")
    told = [Payment.model_validate(event["data"]) for event in events]
    assert told[-1].state == "captured"
    assert all(payment.order == order for payment in told)
    assert "tok_ok" not in str(events)
    payment = await bank.store.payments.get(order)
    assert payment is not None
    assert payment.terms is not None
    assert payment.terms.card == ""


async def test_the_same_events_again_in_any_order_change_no_balance(bank: PaymentsHarness) -> None:
    bank.world.broker.hold()
    bank.world.broker.copies = 3
    for _ in range(4):
        order = await bank.pay()
        await bank.step(order, "refund", amount=1_000)
    bank.world.broker.release(seed=4)
    await bank.settle()
    assert await bank.balance(BUYERS) == -4 * 9_000
    assert await bank.balance(SELLERS) == 4 * (9_000 - 270)
    await bank.check_ledger()


async def test_people_see_their_own_accounts_alone(bank: PaymentsHarness) -> None:
    order = await bank.pay()
    await bank.step(order, "refund", amount=1_000)
    await bank.pay(currency="JPY", amount=500)
    await bank.settle()
    buyer, seller = (bank.world.token(id, "read:shop") for id in (BUYER, SELLER))
    spent = await bank.payments.call("GET", "/balances", token=buyer)
    assert {(b["account"], b["currency"]): b["balance"] for b in spent.json()} == {
        ("buyer", "EUR"): -9_000,
        ("buyer", "JPY"): -500,
    }
    earned = (await bank.payments.call("GET", "/statements/seller/EUR", token=seller)).json()
    assert earned["balance"] == 8_730
    assert [(line["step"], line["amount"]) for line in earned["lines"]] == [
        ("refund:all", -970),
        ("capture", 9_700),
    ]
    nothing = (await bank.payments.call("GET", "/statements/seller/EUR", token=buyer)).json()
    assert nothing == {"balance": 0, "lines": []}
    other = bank.world.token(SELLER, "read:statuses")
    assert (await bank.payments.call("GET", "/balances", token=other)).status == 403
    assert (await bank.payments.call("GET", "/balances")).status == 401
    wrong = await bank.payments.call("GET", "/statements/fees/EUR", token=seller)
    assert wrong.status == 422


async def test_the_ledger_is_added_up_for_operators_alone(bank: PaymentsHarness) -> None:
    await bank.pay()
    await bank.settle()
    found = await bank.payments.call("GET", "/ledger", caller="payments")
    assert found.json()["sums"] in ({"EUR": 0}, {})
    assert set(found.json()) == set(LedgerPage.model_fields)
    names = {"names": f"buyer:{BUYER}:EUR,seller:{SELLER}:EUR"}
    held = await bank.payments.call("GET", "/ledger/balances", caller="payments", params=names)
    assert held.json() == {BUYERS: -10_000, SELLERS: 9_700}
    for path in ("/ledger", "/ledger/balances?names=a"):
        assert (await bank.payments.call("GET", path, caller="orders")).status == 403
    for after in ("x", "16:", "-1:", "0:x"):
        params = {"after": after}
        answer = await bank.payments.call("GET", "/ledger", caller="payments", params=params)
        assert answer.status == 422, after
