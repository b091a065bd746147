"""A payment: the steps that were asked of the provider, their outcomes, and the ledger entries.

A step is written before the provider is asked, or with its outcome. The outcome and its ledger
entry are written together. A step whose outcome is not known is open: it can be asked for again
under the same name. An outcome is final, so a late or repeated one changes nothing. At most one of
capture and void is ever done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from services.payments.domain import ledger
from services.payments.domain.ledger import LedgerEntry

AUTHORIZE, CAPTURE, VOID, REFUND = "authorize", "capture", "void", "refund"

Outcome = Literal["asked", "pending", "done", "refused"]
State = Literal["pending", "authorized", "declined", "captured", "refunded", "voided"]


@dataclass(frozen=True, slots=True)
class PaymentTerms:
    """What an order costs whom. `card` is forgotten once the authorization is known."""

    buyer: str
    seller: str
    amount: int
    currency: str
    card: str = ""


@dataclass(frozen=True, slots=True)
class PaymentStep:
    """A step that was asked of the provider: `authorize`, `capture`, `void`, `refund:KEY`.

    `rest`: a refund of everything that was left.
    """

    name: str
    amount: int
    outcome: Outcome = "asked"
    reason: str = ""
    rest: bool = False

    @property
    def kind(self) -> str:
        """The name without the key of a refund."""
        return self.name.partition(":")[0]

    @property
    def is_open(self) -> bool:
        """Whether its outcome is not known yet."""
        return self.outcome in ("asked", "pending")

    @property
    def is_effective(self) -> bool:
        """Whether it is done, or may still be."""
        return self.outcome != "refused"


@dataclass(frozen=True, slots=True)
class ProviderResult:
    """What the provider answers to a step."""

    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PaymentRecord:
    """The stored document. Without `terms` the order was voided before it was authorized."""

    order: str
    terms: PaymentTerms | None = None
    steps: tuple[PaymentStep, ...] = ()
    entries: tuple[LedgerEntry, ...] = ()

    def step(self, name: str) -> PaymentStep | None:
        """Return a step by its name."""
        return next((step for step in self.steps if step.name == name), None)

    def is_done(self, name: str) -> bool:
        """Whether a step is done."""
        step = self.step(name)
        return step is not None and step.outcome == "done"

    def has_effective(self, name: str) -> bool:
        """Whether a step is done, or may still be."""
        step = self.step(name)
        return step is not None and step.is_effective

    @property
    def next_open_step(self) -> PaymentStep | None:
        """The step to ask the provider about next. A void comes before the step that it ends."""
        waiting = [step for step in self.steps if step.is_open]
        voids = [step for step in waiting if step.kind == VOID]
        return next(iter([*voids, *waiting]), None)

    @property
    def state(self) -> State:
        """The state, as far as outcomes are known."""
        if self.terms is None or self.is_done(VOID):
            return "voided"
        if self.is_done(CAPTURE):
            return "refunded" if self.refunded == self.captured else "captured"
        if self.is_done(AUTHORIZE):
            return "authorized"
        return "pending" if self.has_effective(AUTHORIZE) else "declined"

    @property
    def captured(self) -> int:
        """The amount that was taken from the buyer."""
        return self.terms.amount if self.terms and self.is_done(CAPTURE) else 0

    @property
    def refunded(self) -> int:
        """The amount that was given back."""
        return self._refund_total(lambda step: step.outcome == "done")

    @property
    def refundable(self) -> int:
        """The amount that is left if all open refunds succeed."""
        return self.captured - self._refund_total(lambda step: step.is_effective)

    @property
    def reason(self) -> str:
        """Why the last refused step was refused."""
        return next((step.reason for step in reversed(self.steps) if not step.is_effective), "")

    def _refund_total(self, counts: Callable[[PaymentStep], bool]) -> int:
        return sum(step.amount for step in self.steps if step.kind == REFUND and counts(step))


def to_public(payment: PaymentRecord) -> dict[str, Any]:
    """Return the `contracts.payments.Payment`."""
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
