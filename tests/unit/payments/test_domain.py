"""The rules of payments and of the ledger."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import Forbidden, NotFound
from services.contracts.catalog import Payment as PaymentContract
from services.contracts.limits import PAYMENT
from services.payments.domain import ledger, signatures
from services.payments.domain import payments as rules
from services.payments.domain.ledger import Entry, Line
from services.payments.domain.payments import Answer, Payment, Terms
from services.payments.webhooks import Secret

amounts = st.integers(1, PAYMENT)
TERMS = Terms("1", "2", 10_000, "EUR", "tok_ok")
DONE = Answer("done")


def paid(amount: int = 10_000) -> Payment:
    terms = Terms("1", "2", amount, "EUR", "tok_ok")
    held = rules.settled(rules.authorize(None, "3", terms), "authorize", DONE, "11")
    return rules.settled(rules.capture(held), "capture", DONE, "12")


@given(amounts, st.lists(amounts, max_size=5))
def test_however_much_is_given_back_every_entry_balances_and_fees_follow(
    amount: int, parts: list[int]
) -> None:
    payment = paid(amount)
    for n, part in enumerate(parts):
        if part <= payment.refundable:
            name = f"refund:{n}"
            payment = rules.settled(
                rules.refund(payment, str(n), part, None), name, DONE, str(20 + n)
            )
        assert rules.faults(payment) == []
    totals = ledger.totals(payment.entries)
    kept = amount - payment.refunded
    assert totals.get("fees", 0) == ledger.fee(kept)
    assert totals["buyer:1"] == -kept
    assert totals["holds"] == 0


@given(amounts)
def test_a_fee_is_never_more_than_is_kept(amount: int) -> None:
    assert 0 <= ledger.fee(amount) <= amount
    assert ledger.fee(amount - 1) <= ledger.fee(amount)


@pytest.mark.parametrize("lines", [(), (Line("a", 1),), (Line("a", 1), Line("b", -2))])
def test_an_entry_that_does_not_balance_cannot_be_made(lines: tuple[Line, ...]) -> None:
    with pytest.raises(ValueError, match="does not balance"):
        Entry("1", "capture", lines)


def test_an_outcome_is_final() -> None:
    held = rules.settled(rules.authorize(None, "3", TERMS), "authorize", DONE, "11")
    for late in (DONE, Answer("refused", "declined"), Answer("pending")):
        assert rules.settled(held, "authorize", late, "12") is held
    assert rules.settled(held, "capture", DONE, "12") is held


def test_a_void_that_overtakes_books_nothing() -> None:
    asked = rules.void(rules.authorize(None, "3", TERMS), "3")
    assert asked.due is not None
    assert asked.due.name == "void"
    voided = rules.settled(asked, "void", DONE, "11")
    assert (voided.state, voided.entries, voided.due) == ("voided", (), None)
    assert rules.settled(voided, "authorize", DONE, "12") is voided
    late = rules.settled(asked, "authorize", DONE, "11")
    voided = rules.settled(late, "void", DONE, "12")
    assert ledger.totals(voided.entries) == {"buyer:1": 0, "holds": 0}


def test_a_fault_is_seen() -> None:
    payment = paid()
    broken = Payment(payment.order, payment.terms, payment.steps, payment.entries[:1])
    assert rules.faults(payment) == []
    assert any("holds" in fault for fault in rules.faults(broken))
    twice = (*payment.entries, payment.entries[-1])
    assert "has a step that was booked twice" in rules.faults(
        Payment(payment.order, payment.terms, payment.steps, twice)
    )


def test_others_hear_of_all_the_fields_of_the_contract_and_no_other() -> None:
    for payment in (paid(), rules.void(None, "3"), rules.authorize(None, "3", TERMS)):
        told = rules.public(payment)
        assert set(told) == set(PaymentContract.model_fields)
        assert PaymentContract.model_validate(told).model_dump() == told


@given(st.binary(max_size=100), st.integers(2_000, 10**11), st.integers(-1_000, 1_000))
def test_a_signature_holds_for_its_body_its_secret_and_its_time(
    body: bytes, at: int, age: int
) -> None:
    header = signatures.signed("secret", body, at)
    if abs(age) <= signatures.TOLERANCE:
        signatures.check("secret", body, header, at + age)
    else:
        with pytest.raises(Forbidden):
            signatures.check("secret", body, header, at + age)
    for secret, changed in (("other", body), ("secret", body + b"!")):
        with pytest.raises(Forbidden):
            signatures.check(secret, changed, header, at)


async def test_with_an_empty_secret_nobody_signs() -> None:
    async def nothing() -> str:
        return ""

    with pytest.raises(NotFound):
        await Secret(nothing).get()
