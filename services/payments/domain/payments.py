"""A payment: what was asked for an order, what the provider said to it, and what was booked.

A step is written down before the provider is asked, and its outcome, with the entry that it makes,
afterwards: two swaps of one document. Between them its outcome is open, whatever dies: it can be
asked for again under the same name. An outcome is final, so whoever tells it late or once more
changes nothing. At most one of capture and void is ever open or done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from services.chassis.errors import Conflict, Invalid, NotFound
from services.contracts.limits import REFUNDS
from services.payments.domain import ledger
from services.payments.domain.ledger import LedgerEntry, LedgerLine

AUTHORIZE, CAPTURE, VOID, REFUND = "authorize", "capture", "void", "refund"

Outcome = Literal["asked", "pending", "done", "refused"]
State = Literal["pending", "authorized", "declined", "captured", "refunded", "voided"]


@dataclass(frozen=True, slots=True)
class PaymentTerms:
    """What an order costs whom, and by which card it is paid; that is forgotten when it was."""

    buyer: str
    seller: str
    amount: int
    currency: str
    card: str = ""


@dataclass(frozen=True, slots=True)
class PaymentStep:
    """One thing that was asked of the provider: `authorize`, `capture`, `void`, `refund:KEY`.

    `rest`: a refund of all that was left.
    """

    name: str
    amount: int
    outcome: Outcome = "asked"
    reason: str = ""
    rest: bool = False

    @property
    def kind(self) -> str:
        """The name without a refund's key."""
        return self.name.partition(":")[0]

    @property
    def is_open(self) -> bool:
        """Whether its outcome is not known yet."""
        return self.outcome in ("asked", "pending")

    @property
    def is_effective(self) -> bool:
        """Whether it is done, or may yet be."""
        return self.outcome != "refused"


@dataclass(frozen=True, slots=True)
class ProviderResult:
    """What the provider says to a step."""

    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PaymentRecord:
    """The document `payment:ORDER`. Without `terms` the order was voided before all else."""

    order: str
    terms: PaymentTerms | None = None
    steps: tuple[PaymentStep, ...] = ()
    entries: tuple[LedgerEntry, ...] = ()

    def step(self, name: str) -> PaymentStep | None:
        """A step by its name."""
        return next((step for step in self.steps if step.name == name), None)

    def is_done(self, name: str) -> bool:
        """Whether a step was done."""
        step = self.step(name)
        return step is not None and step.outcome == "done"

    def has_effective(self, name: str) -> bool:
        """Whether a step was done, or may yet be."""
        step = self.step(name)
        return step is not None and step.is_effective

    @property
    def next_open_step(self) -> PaymentStep | None:
        """The step whose outcome is to be asked for; a void before what it ends."""
        waiting = [step for step in self.steps if step.is_open]
        voids = [step for step in waiting if step.kind == VOID]
        return next(iter([*voids, *waiting]), None)

    @property
    def state(self) -> State:
        """Where it stands, as far as outcomes are known."""
        if self.terms is None or self.is_done(VOID):
            return "voided"
        if self.is_done(CAPTURE):
            return "refunded" if self.refunded == self.captured else "captured"
        if self.is_done(AUTHORIZE):
            return "authorized"
        return "pending" if self.has_effective(AUTHORIZE) else "declined"

    @property
    def captured(self) -> int:
        """What was taken from the buyer."""
        return self.terms.amount if self.terms and self.is_done(CAPTURE) else 0

    @property
    def refunded(self) -> int:
        """How much of it was given back."""
        return self._refund_total(lambda step: step.outcome == "done")

    @property
    def refundable(self) -> int:
        """How much more may be given back, if all refunds that are open come true."""
        return self.captured - self._refund_total(lambda step: step.is_effective)

    @property
    def reason(self) -> str:
        """Why the last step that was refused was so."""
        return next((step.reason for step in reversed(self.steps) if not step.is_effective), "")

    def _refund_total(self, counts: Callable[[PaymentStep], bool]) -> int:
        return sum(step.amount for step in self.steps if step.kind == REFUND and counts(step))


# ── what is asked ───────────────────────────────────────────────────────────────────────────────


def authorize(known: PaymentRecord | None, order: str, terms: PaymentTerms) -> PaymentRecord:
    """Somebody is to be charged. Raises `Conflict` for other terms, and after a void."""
    if known is None:
        return PaymentRecord(order, terms, (PaymentStep(AUTHORIZE, terms.amount),))
    if known.terms is None:
        raise Conflict("The order was voided before it was paid.", code="voided")
    if replace(known.terms, card="") != replace(terms, card=""):
        raise _payment_differs()
    return known


def capture(known: PaymentRecord | None) -> PaymentRecord:
    """What is held is to become the seller's, once."""
    known = _require_payment(known)
    if known.step(CAPTURE):
        return known
    if known.has_effective(VOID):
        raise Conflict("The order was voided.", code="voided")
    if not known.is_done(AUTHORIZE):
        raise Conflict("The payment is not authorised.", code="not_authorized")
    return _with_step(known, PaymentStep(CAPTURE, _require_terms(known).amount))


def void(known: PaymentRecord | None, order: str) -> PaymentRecord:
    """What is held is to be the buyer's again; what is not held yet, never will be."""
    if known is None:
        return PaymentRecord(order)
    if known.terms is None or known.has_effective(VOID) or not known.has_effective(AUTHORIZE):
        return known
    if known.has_effective(CAPTURE):
        raise Conflict("The payment was captured: it can only be refunded.", code="captured")
    without = tuple(step for step in known.steps if step.name != VOID)
    return _with_step(
        replace(known, steps=without), PaymentStep(VOID, _require_terms(known).amount)
    )


def refund(
    known: PaymentRecord | None, key: str, amount: int | None, currency: str | None
) -> PaymentRecord:
    """A part of what was captured is to be given back, or all that is left of it."""
    known = _require_payment(known)
    if currency not in (None, _require_terms(known).currency):
        raise Conflict("The payment was in another currency.", code="currency_mismatch")
    name = f"{REFUND}:{key}"
    before = known.step(name)
    if before:
        if before.rest if amount is None else before.amount == amount:
            return known
        raise _payment_differs()
    if not known.is_done(CAPTURE):
        raise Conflict("Nothing was captured that could be given back.", code="not_captured")
    most = known.refundable
    wanted = most if amount is None else amount
    if not 0 < wanted <= most:
        raise Conflict(f"No more than {most} can be given back.", code="too_much")
    if sum(step.kind == REFUND for step in known.steps) >= REFUNDS:
        raise Invalid(f"An order has at most {REFUNDS} refunds.")
    return _with_step(known, PaymentStep(name, wanted, rest=amount is None))


def _with_step(known: PaymentRecord, step: PaymentStep) -> PaymentRecord:
    return replace(known, steps=(*known.steps, step))


def _require_terms(known: PaymentRecord) -> PaymentTerms:
    if known.terms is None:
        raise Conflict("The order was voided before it was paid.", code="voided")
    return known.terms


def _require_payment(known: PaymentRecord | None) -> PaymentRecord:
    if known is None:
        raise NotFound("Nothing was ever to be paid for this order.")
    _require_terms(known)
    return known


def _payment_differs() -> Conflict:
    return Conflict("This was asked for before, otherwise.", code="payment_differs")


# ── what is answered ────────────────────────────────────────────────────────────────────────────


def settle(known: PaymentRecord, name: str, answer: ProviderResult, entry: str) -> PaymentRecord:
    """With the outcome of a step, and what is booked for it under the id `entry`."""
    step = known.step(name)
    if step is None or not step.is_open or known.terms is None:
        return known
    if answer.outcome not in ("done", "refused"):
        return _replace_step(known, replace(step, outcome="pending"))
    lines = _entry_lines(known, step, known.terms) if answer.outcome == "done" else ()
    settle = _replace_step(known, replace(step, outcome=answer.outcome, reason=answer.reason))
    if step.kind == VOID and answer.outcome == "done":
        settle = _refuse_open_authorization(settle)
    is_known = not (settle.step(AUTHORIZE) or step).is_open
    terms = replace(known.terms, card="") if is_known else known.terms
    entries = (*known.entries, LedgerEntry(entry, name, lines)) if lines else known.entries
    return replace(settle, terms=terms, entries=entries)


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
    """With an authorisation of which nobody ever knew refused: whatever it was, it is no more."""
    step = known.step(AUTHORIZE)
    if step is None or not step.is_open:
        return known
    return _replace_step(known, replace(step, outcome="refused", reason="voided"))


def _replace_step(known: PaymentRecord, step: PaymentStep) -> PaymentRecord:
    return replace(
        known, steps=tuple(step if each.name == step.name else each for each in known.steps)
    )


# ── what is told ────────────────────────────────────────────────────────────────────────────────


def to_public(payment: PaymentRecord) -> dict[str, Any]:
    """A `contracts.shop.Payment`."""
    terms, due = payment.terms, payment.next_open_step
    return {
        "order": payment.order,
        "buyer": terms.buyer if terms else "",
        "seller": terms.seller if terms else "",
        "state": payment.state,
        "amount": terms.amount if terms else 0,
        "currency": terms.currency if terms else None,
        "captured": payment.captured,
        "refunded": payment.refunded,
        "refunds": {
            step.name.partition(":")[2]: step.amount
            for step in payment.steps
            if step.kind == REFUND and step.outcome == "done"
        },
        "fee": ledger.fee(payment.captured - payment.refunded),
        "waiting": due.name if due else "",
        "reason": payment.reason,
    }


def find_faults(payment: PaymentRecord) -> list[str]:
    """What is wrong with a payment: nothing, if all is well. Looks at what was booked alone."""
    found = []
    booked = ledger.totals(payment.entries)
    steps = [entry.step for entry in payment.entries]
    if sum(booked.values()):
        found.append("does not balance")
    if len(set(steps)) < len(steps):
        found.append("has a step that was booked twice")
    if CAPTURE in steps and VOID in steps:
        found.append("was captured and voided")
    if payment.refunded > payment.captured:
        found.append("was refunded more than was captured")
    for name, wanted in _expected_totals(payment).items():
        if booked.get(name, 0) != wanted:
            found.append(f"has {booked.get(name, 0)} in {name}, and not {wanted}")
    return found


def _expected_totals(payment: PaymentRecord) -> Mapping[str, int]:
    """What a payment's state says is in each account."""
    if payment.terms is None:
        return {}
    terms, kept = payment.terms, payment.captured - payment.refunded
    held = terms.amount if payment.state == "authorized" else 0
    return {
        ledger.HOLDS: held,
        ledger.FEES: ledger.fee(kept),
        f"buyer:{terms.buyer}": -held - kept,
        f"seller:{terms.seller}": kept - ledger.fee(kept),
    }
