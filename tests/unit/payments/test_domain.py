"""The rules of payments and of the ledger."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import Forbidden, NotFound
from services.contracts.limits import MAX_PAYMENT
from services.contracts.payments import Payment as PaymentContract
from services.payments.adapters.webhooks import WebhookSecret
from services.payments.domain import ledger, signatures, steps
from services.payments.domain import payments as rules
from services.payments.domain.faults import find_faults
from services.payments.domain.ledger import LedgerEntry, LedgerLine
from services.payments.domain.payments import PaymentRecord, PaymentTerms, ProviderResult

amounts = st.integers(1, MAX_PAYMENT)
TERMS = PaymentTerms("1", "2", 10_000, "EUR", "tok_ok")
DONE = ProviderResult("done")


def paid(amount: int = 10_000) -> PaymentRecord:
    terms = PaymentTerms("1", "2", amount, "EUR", "tok_ok")
    held = steps.settle(steps.authorize(None, "3", terms), "authorize", DONE, "11")
    return steps.settle(steps.capture(held), "capture", DONE, "12")


@given(amounts, st.lists(amounts, max_size=5))
def test_every_refund_balances_and_reduces_the_fee(amount: int, parts: list[int]) -> None:
    payment = paid(amount)
    for n, part in enumerate(parts):
        if part <= payment.refundable:
            name = f"refund:{n}"
            payment = steps.settle(
                steps.refund(payment, str(n), part, None), name, DONE, str(20 + n)
            )
        assert find_faults(payment) == []
    totals = ledger.totals(payment.entries)
    kept = amount - payment.refunded
    assert totals.get("fees", 0) == ledger.fee(kept)
    assert totals["buyer:1"] == -kept
    assert totals["holds"] == 0


@given(amounts)
def test_a_fee_never_exceeds_the_amount(amount: int) -> None:
    assert 0 <= ledger.fee(amount) <= amount
    assert ledger.fee(amount - 1) <= ledger.fee(amount)


@pytest.mark.parametrize(
    "lines", [(), (LedgerLine("a", 1),), (LedgerLine("a", 1), LedgerLine("b", -2))]
)
def test_an_entry_must_balance(lines: tuple[LedgerLine, ...]) -> None:
    with pytest.raises(ValueError, match="does not balance"):
        LedgerEntry("1", "capture", lines)


def test_an_outcome_is_final() -> None:
    held = steps.settle(steps.authorize(None, "3", TERMS), "authorize", DONE, "11")
    for late in (DONE, ProviderResult("refused", "declined"), ProviderResult("pending")):
        assert steps.settle(held, "authorize", late, "12") is held
    assert steps.settle(held, "capture", DONE, "12") is held


def test_a_void_before_the_authorization_books_nothing() -> None:
    asked = steps.void(steps.authorize(None, "3", TERMS), "3")
    assert asked.next_open_step is not None
    assert asked.next_open_step.name == "void"
    voided = steps.settle(asked, "void", DONE, "11")
    assert (voided.state, voided.entries, voided.next_open_step) == ("voided", (), None)
    assert steps.settle(voided, "authorize", DONE, "12") is voided
    late = steps.settle(asked, "authorize", DONE, "11")
    voided = steps.settle(late, "void", DONE, "12")
    assert ledger.totals(voided.entries) == {"buyer:1": 0, "holds": 0}


def test_faults_are_found() -> None:
    payment = paid()
    broken = PaymentRecord(payment.order, payment.terms, payment.steps, payment.entries[:1])
    assert find_faults(payment) == []
    assert any("holds" in fault for fault in find_faults(broken))
    twice = (*payment.entries, payment.entries[-1])
    assert "has a step that was booked twice" in find_faults(
        PaymentRecord(payment.order, payment.terms, payment.steps, twice)
    )


def test_the_public_view_has_exactly_the_fields_of_the_contract() -> None:
    for payment in (paid(), steps.void(None, "3"), steps.authorize(None, "3", TERMS)):
        exported = rules.to_public(payment)
        assert set(exported) == set(PaymentContract.model_fields)
        assert PaymentContract.model_validate(exported).model_dump() == exported


@given(st.binary(max_size=100), st.integers(2_000, 10**11), st.integers(-1_000, 1_000))
def test_a_signature_is_valid_for_its_body_secret_and_time_only(
    body: bytes, at: int, age: int
) -> None:
    header = signatures.sign("secret", body, at)
    if abs(age) <= signatures.TOLERANCE:
        signatures.verify("secret", body, header, at + age)
    else:
        with pytest.raises(Forbidden):
            signatures.verify("secret", body, header, at + age)
    for secret, changed in (("other", body), ("secret", body + b"!")):
        with pytest.raises(Forbidden):
            signatures.verify(secret, changed, header, at)


async def test_an_empty_secret_is_refused() -> None:
    async def nothing() -> str:
        return ""

    with pytest.raises(NotFound):
        await WebhookSecret(nothing).get()
