"""The record that the sandbox provider keeps of a charge, and the behaviour of its test cards."""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.chassis.errors import Conflict
from services.payments.domain.payments import ProviderResult
from services.payments.provider.port import KEY_REUSED, ProviderOperation

OK, SLOW, DUPLICATE_CALLBACK = "tok_ok", "tok_slow", "tok_duplicate_callback"
TIMEOUT_AFTER_SUCCESS = "tok_timeout_after_success"
PENDING, PENDING_DECLINED = "tok_pending", "tok_pending_declined"
DECLINED, CAPTURE_DECLINED = "tok_declined", "tok_capture_declined"

ACCEPTED = frozenset(
    {
        *(OK, SLOW, TIMEOUT_AFTER_SUCCESS, DUPLICATE_CALLBACK),
        *(PENDING, PENDING_DECLINED, CAPTURE_DECLINED),
    }
)


@dataclass(frozen=True, slots=True)
class ChargeOperation:
    """An operation and its result, which is not visible before `decided_at`."""

    kind: str
    key: str
    amount: int
    reason: str = ""
    decided_at: float = 0.0

    def result(self, now: float) -> ProviderResult:
        """Return the result as it is known at a time."""
        if now < self.decided_at:
            return ProviderResult("pending")
        return ProviderResult("refused", self.reason) if self.reason else ProviderResult("done")


@dataclass(frozen=True, slots=True)
class Charge:
    """The stored document `charge:CHARGE` of the provider."""

    card: str = ""
    currency: str = ""
    deeds: tuple[ChargeOperation, ...] = ()

    def operation(self, key: str) -> ChargeOperation | None:
        """Return the operation with a key."""
        return next((deed for deed in self.deeds if deed.key == key), None)

    def total_done(self, kind: str, now: float) -> int:
        """Return the total amount of the successful operations of a kind."""
        return sum(
            deed.amount
            for deed in self.deeds
            if deed.kind == kind and deed.result(now).outcome == "done"
        )


def apply_operation(
    known: Charge | None, asked: ProviderOperation, now: float, pending: float
) -> Charge:
    """Perform an operation on a charge. A repeat changes nothing.

    `pending` are the seconds after which a slow card decides. Raises `Conflict` if the key was used
    for another operation, or for an authorization in another currency or with another card.
    """
    known = known or Charge()
    before = known.operation(asked.key)
    if before is not None:
        if not _is_repeat(known, before, asked):
            raise Conflict("This key was used for another operation.", code=KEY_REUSED)
        return known
    if asked.kind == "authorize":
        known = replace(known, card=asked.card, currency=asked.currency)
    reason, is_slow = _refusal_reason(known, asked, now), asked.card in (PENDING, PENDING_DECLINED)
    waits = asked.kind == "authorize" and is_slow and reason in ("", "declined")
    decided_at = now + pending if waits else 0.0
    operation = ChargeOperation(asked.kind, asked.key, asked.amount, reason, decided_at)
    deeds = known.deeds
    if asked.kind == "void" and not reason:
        deeds = tuple(_void_if_pending(each, now) for each in deeds)
    return replace(known, deeds=(*deeds, operation))


def _is_repeat(known: Charge, before: ChargeOperation, asked: ProviderOperation) -> bool:
    if (before.kind, before.amount) != (asked.kind, asked.amount):
        return False
    terms = (known.currency, known.card)
    return asked.kind != "authorize" or (asked.currency, asked.card) == terms


def _void_if_pending(deed: ChargeOperation, now: float) -> ChargeOperation:
    is_open = deed.result(now).outcome == "pending"
    return replace(deed, reason="voided", decided_at=0.0) if is_open else deed


def _refusal_reason(known: Charge, asked: ProviderOperation, now: float) -> str:
    """Return why an operation is refused, empty if it is not."""
    if asked.kind != "void" and any(d.kind == "void" and not d.reason for d in known.deeds):
        return "voided"
    held, taken = known.total_done("authorize", now), known.total_done("capture", now)
    if asked.kind == "authorize":
        return _card_refusal_reason(asked.card)
    if asked.kind == "void":
        return "captured" if taken else ""
    if asked.currency != known.currency:
        return "currency_mismatch"
    if asked.kind == "capture":
        if asked.amount > held - taken:
            return "not_authorized"
        return "declined" if known.card == CAPTURE_DECLINED else ""
    return "too_much" if asked.amount > taken - known.total_done("refund", now) else ""


def _card_refusal_reason(card: str) -> str:
    if card in (DECLINED, PENDING_DECLINED):
        return "declined"
    return "" if card in ACCEPTED else "unknown_card"
