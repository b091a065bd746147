"""What the built-in provider remembers of a charge, and how its magic cards behave."""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.chassis.errors import Conflict
from services.payments.domain.payments import Answer
from services.payments.provider.port import Operation

OK, SLOW, LATE, TWICE = "tok_ok", "tok_slow", "tok_timeout_after_success", "tok_duplicate_callback"
PENDING, PENDING_DECLINED = "tok_pending", "tok_pending_declined"
DECLINED, UNTAKEN = "tok_declined", "tok_capture_declined"

GOOD = frozenset({OK, SLOW, LATE, TWICE, PENDING, PENDING_DECLINED, UNTAKEN})


@dataclass(frozen=True, slots=True)
class Deed:
    """An operation and what came of it, which nobody hears before `decided_at`."""

    kind: str
    key: str
    amount: int
    reason: str = ""
    decided_at: float = 0.0

    def answer(self, now: float) -> Answer:
        """What is known of it at a moment."""
        if now < self.decided_at:
            return Answer("pending")
        return Answer("refused", self.reason) if self.reason else Answer("done")


@dataclass(frozen=True, slots=True)
class Charge:
    """The document `charge:CHARGE`, the provider's own."""

    card: str = ""
    currency: str = ""
    deeds: tuple[Deed, ...] = ()

    def deed(self, key: str) -> Deed | None:
        """What was done under a key."""
        return next((deed for deed in self.deeds if deed.key == key), None)

    def done(self, kind: str, now: float) -> int:
        """How much was done of a kind."""
        return sum(
            deed.amount
            for deed in self.deeds
            if deed.kind == kind and deed.answer(now).outcome == "done"
        )


def after(known: Charge | None, asked: Operation, now: float, pending: float) -> Charge:
    """A charge with an operation done; as it was, if that was done before.

    `pending` are the seconds after which a card that is slow to decide does so. Raises `Conflict`
    for another operation under the same key.
    """
    known = known or Charge()
    before = known.deed(asked.key)
    if before is not None:
        if (before.kind, before.amount) != (asked.kind, asked.amount):
            raise Conflict("This key was used for something else.", code="key_reused")
        return known
    if asked.kind == "authorize":
        known = replace(known, card=asked.card, currency=asked.currency)
    reason, is_slow = _verdict(known, asked, now), asked.card in (PENDING, PENDING_DECLINED)
    waits = asked.kind == "authorize" and is_slow and reason in ("", "declined")
    deed = Deed(asked.kind, asked.key, asked.amount, reason, now + pending if waits else 0.0)
    deeds = known.deeds
    if asked.kind == "void" and not reason:
        deeds = tuple(_prevented(each, now) for each in deeds)
    return replace(known, deeds=(*deeds, deed))


def _prevented(deed: Deed, now: float) -> Deed:
    """Refused, if it is not decided yet."""
    is_open = deed.answer(now).outcome == "pending"
    return replace(deed, reason="voided", decided_at=0.0) if is_open else deed


def _verdict(known: Charge, asked: Operation, now: float) -> str:
    """Why an operation is refused, or nothing."""
    if asked.kind != "void" and any(d.kind == "void" and not d.reason for d in known.deeds):
        return "voided"
    held, taken = known.done("authorize", now), known.done("capture", now)
    if asked.kind == "authorize":
        return _of_card(asked.card)
    if asked.kind == "void":
        return "captured" if taken else ""
    if asked.currency != known.currency:
        return "currency_mismatch"
    if asked.kind == "capture":
        if asked.amount > held - taken:
            return "not_authorized"
        return "declined" if known.card == UNTAKEN else ""
    return "too_much" if asked.amount > taken - known.done("refund", now) else ""


def _of_card(card: str) -> str:
    if card in (DECLINED, PENDING_DECLINED):
        return "declined"
    return "" if card in GOOD else "unknown_card"
