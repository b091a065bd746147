"""The steps of a payment: what may be asked of the provider, and what an outcome changes."""

from __future__ import annotations

from dataclasses import replace

from services.chassis.errors import Conflict, Invalid, NotFound
from services.contracts.limits import MAX_REFUNDS
from services.payments.domain import ledger
from services.payments.domain.ledger import LedgerEntry, LedgerLine
from services.payments.domain.payments import (
    AUTHORIZE,
    CAPTURE,
    REFUND,
    VOID,
    PaymentRecord,
    PaymentStep,
    PaymentTerms,
    ProviderResult,
)

# ── what is asked ───────────────────────────────────────────────────────────────────────────────


def authorize(known: PaymentRecord | None, order: str, terms: PaymentTerms) -> PaymentRecord:
    """Ask to hold the price. Raises `Conflict` for other terms, and after a void."""
    if known is None:
        return PaymentRecord(order, terms, (PaymentStep(AUTHORIZE, terms.amount),))
    if known.terms is None:
        raise voided_before()
    if replace(known.terms, card="") != replace(terms, card=""):
        raise payment_differs()
    return known


def capture(known: PaymentRecord | None) -> PaymentRecord:
    """Ask to capture what is held, once."""
    known = _require_payment(known)
    if known.step(CAPTURE):
        return known
    if known.has_effective(VOID):
        raise Conflict("The payment was voided.", code="voided")
    if not known.is_done(AUTHORIZE):
        raise Conflict("The payment is not authorized.", code="not_authorized")
    return record_capture(known)


def record_capture(known: PaymentRecord | None) -> PaymentRecord:
    """Add a capture that the provider was asked for. It decides between a capture and a void."""
    known = _require_payment(known)
    if known.step(CAPTURE):
        return known
    return _with_step(known, PaymentStep(CAPTURE, _require_terms(known).amount))


def void(known: PaymentRecord | None, order: str) -> PaymentRecord:
    """Ask to release what is held. What is not held yet will never be.

    The provider may hold the price of a payment that is not known: it is asked too. Also for one
    that a release before decision 60 has voided without asking.
    """
    known = known or PaymentRecord(order)
    if known.has_effective(VOID):
        return known
    if known.terms is None:
        return _with_step(known, PaymentStep(VOID, 0))
    if not known.has_effective(AUTHORIZE):
        return known
    if known.has_effective(CAPTURE):
        raise Conflict("The payment was captured. Refund it instead.", code="captured")
    without = tuple(step for step in known.steps if step.name != VOID)
    return _with_step(
        replace(known, steps=without), PaymentStep(VOID, _require_terms(known).amount)
    )


def refund(
    known: PaymentRecord | None, key: str, amount: int | None, currency: str | None
) -> PaymentRecord:
    """Ask to give back an amount, or everything that is left."""
    known = _require_payment(known)
    if currency not in (None, _require_terms(known).currency):
        raise Conflict("The payment was in another currency.", code="currency_mismatch")
    name = f"{REFUND}:{key}"
    before = known.step(name)
    if before:
        if before.rest if amount is None else before.amount == amount:
            return known
        raise payment_differs()
    if not known.is_done(CAPTURE):
        raise Conflict("The payment was not captured, so cannot be refunded.", code="not_captured")
    most = known.refundable
    wanted = most if amount is None else amount
    if not 0 < wanted <= most:
        raise Conflict(f"At most {most} can be given back.", code="too_much")
    if sum(step.kind == REFUND for step in known.steps) >= MAX_REFUNDS:
        raise Invalid(f"An order can have at most {MAX_REFUNDS} refunds.")
    return _with_step(known, PaymentStep(name, wanted, rest=amount is None))


def _with_step(known: PaymentRecord, step: PaymentStep) -> PaymentRecord:
    return replace(known, steps=(*known.steps, step))


def _require_terms(known: PaymentRecord) -> PaymentTerms:
    if known.terms is None:
        raise voided_before()
    return known.terms


def _require_payment(known: PaymentRecord | None) -> PaymentRecord:
    if known is None:
        raise payment_not_found()
    _require_terms(known)
    return known


def payment_not_found() -> NotFound:
    """The error for an order without a payment."""
    return NotFound("No payment exists for this order.")


def voided_before() -> Conflict:
    """The error for a step of an order that was voided before it was authorized."""
    return Conflict("The order was voided before it was paid.", code="voided")


def payment_differs() -> Conflict:
    """The error for a step that was requested before with other values."""
    return Conflict("This was requested before with other values.", code="payment_differs")


# ── what is answered ────────────────────────────────────────────────────────────────────────────


def settle(known: PaymentRecord, name: str, result: ProviderResult, entry_id: str) -> PaymentRecord:
    """Record the outcome of a step, and its ledger entry under the given id."""
    step = known.step(name)
    if step is None or not step.is_open:
        return known
    if result.outcome not in ("done", "refused"):
        return _replace_step(known, replace(step, outcome="pending"))
    is_done = result.outcome == "done"
    lines = _entry_lines(known, step, known.terms) if is_done and known.terms else ()
    settled = _replace_step(known, replace(step, outcome=result.outcome, reason=result.reason))
    if step.kind == VOID and result.outcome == "done":
        settled = _refuse_open_authorization(settled)
    is_known = not (settled.step(AUTHORIZE) or step).is_open
    terms = replace(known.terms, card="") if is_known and known.terms else known.terms
    entries = (*known.entries, LedgerEntry(entry_id, name, lines)) if lines else known.entries
    return replace(settled, terms=terms, entries=entries)


def _entry_lines(
    known: PaymentRecord, step: PaymentStep, terms: PaymentTerms
) -> tuple[LedgerLine, ...]:
    if step.kind == AUTHORIZE:
        return ledger.hold_lines(terms.buyer, terms.amount)
    if step.kind == CAPTURE:
        return ledger.capture_lines(terms.seller, terms.amount)
    if step.kind == REFUND:
        kept = known.captured - known.refunded
        return ledger.refund_lines(terms.buyer, terms.seller, step.amount, kept)
    return ledger.release_lines(terms.buyer, terms.amount) if known.is_done(AUTHORIZE) else ()


def _refuse_open_authorization(known: PaymentRecord) -> PaymentRecord:
    """Refuse an authorization whose outcome was never known: the void ended it."""
    step = known.step(AUTHORIZE)
    if step is None or not step.is_open:
        return known
    return _replace_step(known, replace(step, outcome="refused", reason="voided"))


def _replace_step(known: PaymentRecord, step: PaymentStep) -> PaymentRecord:
    return replace(
        known, steps=tuple(step if each.name == step.name else each for each in known.steps)
    )
