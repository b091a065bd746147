"""The activities of the saga: each can be done again at any time, and finds out how far it is.

What another service refuses is an outcome, and noted in the order; what it does not answer raises,
and is tried again by the workflow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.chassis.errors import Conflict, Invalid, NotFound, Unavailable
from services.chassis.storage.collection import Document
from services.chassis.workflows.plan import Activity
from services.contracts.payments import Payment
from services.orders.adapters.shop_services import ShopServices
from services.orders.domain import orders as rules
from services.orders.domain import saga
from services.orders.domain.orders import OrderEvent, OrderRecord
from services.orders.repository import Repository

StepResult = dict[str, Any]
StepInput = Mapping[str, Any]

OK, WAIT, BACK, OVER = "ok", "wait", "back", "over"

_REVERSALS = {"price_changed": rules.PRICE_CHANGED, "out_of_stock": rules.NOT_AVAILABLE}
"""What turns an order back that catalog does not reserve; all else is given up."""


class CheckoutActivities:
    """The activities, by the names that the saga has for them."""

    def __init__(self, store: Repository, market: ShopServices, *, now: Callable[[], str]) -> None:
        self._store = store
        self._market = market
        self._now = now

    def all(self) -> dict[str, Activity]:
        return {
            saga.RESERVE: self.reserve,
            saga.AUTHORISE: self.authorise,
            saga.CONFIRM: self.confirm,
            saga.CAPTURE: self.capture,
            saga.GIVE_UP: self.give_up,
            saga.VOID: self.void,
            saga.RELEASE: self.release,
            saga.CLOSE: self.close,
            saga.PAY_BACK: self.pay_back,
            saga.RESTOCK: self.restock,
        }

    # ── forward ─────────────────────────────────────────────────────────────────────────────

    async def reserve(self, given: StepInput) -> StepResult:
        """Check the prices, and hold the pieces. One state call and one invocation."""
        order = (await self._load(given)).value
        if done := _finished_result(order):
            return done
        try:
            await self._market.reserve(order)
        except NotFound as missing:
            if missing.code != "not_sold":
                raise
            return await self._reverse(
                given, OrderEvent(rules.NOT_AVAILABLE, self._now(), missing.message)
            )
        except Conflict as refusal:
            what = _REVERSALS.get(refusal.code, rules.GAVE_UP)
            return await self._reverse(given, OrderEvent(what, self._now(), refusal.message))
        return self._ok(rules.RESERVED)

    async def authorise(self, given: StepInput) -> StepResult:
        """Have the card charged. One state call and one invocation, a swap where it must wait."""
        doc = await self._load(given)
        order = doc.value
        if done := _finished_result(order):
            return done
        if not order.terms.total:
            return {"word": OK}
        try:
            payment = await self._market.authorize(order)
        except Invalid as refusal:
            return await self._reverse(
                given, OrderEvent(rules.DECLINED, self._now(), refusal.message)
            )
        except Conflict as refusal:
            return await self._reverse(
                given, OrderEvent(rules.GAVE_UP, self._now(), refusal.message)
            )
        match payment.state:
            case "pending":
                return await self._wait_for_provider(doc, given)
            case "declined" | "voided":
                why = payment.reason
                return await self._reverse(given, OrderEvent(rules.DECLINED, self._now(), why))
        return self._ok(rules.AUTHORIZED)

    async def _wait_for_provider(self, doc: Document[OrderRecord], given: StepInput) -> StepResult:
        entries = [*_carried_events(given), OrderEvent(rules.PAYMENT_PENDING, self._now())]
        if not doc.value.has(rules.PAYMENT_PENDING):
            await self._change(doc, lambda kept: rules.record(kept, entries))
        return {"word": WAIT}

    async def confirm(self, given: StepInput) -> StepResult:
        """Sell the pieces, and pass the point of no return. One invocation and a swap."""
        doc = await self._load(given)
        order = doc.value
        if done := _finished_result(order):
            return done
        try:
            await self._market.confirm(order)
        except (Conflict, NotFound) as refusal:
            if refusal.code == "not_reserved":
                raise Unavailable(refusal.message) from refusal
            return await self._reverse(
                given, OrderEvent(rules.GAVE_UP, self._now(), refusal.message)
            )
        entries = [*_carried_events(given), OrderEvent(rules.CONFIRMED, self._now())]
        order = await self._change(
            doc, lambda kept: rules.begin_capture(kept, entries, self._now())
        )
        return _finished_result(order) or {"word": BACK}

    async def capture(self, given: StepInput) -> StepResult:
        """Take the money, and complete the order. One invocation and a swap."""
        doc = await self._load(given)
        order = doc.value
        if order.checkout_outcome or order.reversal:
            return {"word": OVER if order.checkout_outcome else BACK}
        why = ""
        if order.terms.total:
            try:
                payment = await self._market.capture(order)
            except (Conflict, NotFound) as refusal:
                why = refusal.message
            else:
                if payment.state not in ("captured", "refunded"):
                    if payment.waiting:
                        return {"word": WAIT}
                    why = payment.reason or "The provider has refused it."
        if why:
            await self._change(doc, lambda o: rules.reverse_refused_capture(o, why, self._now()))
            return {"word": BACK}
        await self._change(doc, lambda kept: rules.complete(kept, self._now()))
        return {"word": OK}

    # ── back ────────────────────────────────────────────────────────────────────────────────

    async def give_up(self, given: StepInput) -> StepResult:
        """Turn the order back after too many tries, where that is still possible."""
        return await self._reverse(given, OrderEvent(rules.GAVE_UP, self._now(), given["why"]))

    async def void(self, given: StepInput) -> StepResult:
        """See that no money is taken, or that it is given back. One or two invocations."""
        order = (await self._load(given)).value
        if order.checkout_outcome or not order.terms.total:
            return {"word": OK}
        try:
            payment = await self._market.void(order)
        except Conflict as refusal:
            if refusal.code != "captured":
                raise
            payment = await self._market.refund(order, "undone")
        if payment.state not in ("voided", "declined", "refunded") or payment.waiting:
            return {"word": WAIT}
        return self._ok(rules.VOIDED) if payment.buyer else {"word": OK}

    async def release(self, given: StepInput) -> StepResult:
        """See that no pieces are held or sold. One or two invocations."""
        order = (await self._load(given)).value
        if order.checkout_outcome:
            return {"word": OK}
        try:
            reservation = await self._market.release(order)
        except Conflict as refusal:
            if refusal.code != "already_confirmed":
                raise
            await self._market.restock(order)
            return self._ok(rules.RESTOCKED)
        return self._ok(rules.RELEASED) if reservation.items else {"word": OK}

    async def close(self, given: StepInput) -> StepResult:
        """Bring the order to rest."""
        doc = await self._load(given)
        await self._change(doc, lambda o: rules.close(o, _carried_events(given), self._now()))
        return {"word": OK}

    # ── refunds ─────────────────────────────────────────────────────────────────────────────

    async def pay_back(self, given: StepInput) -> StepResult:
        """Give the money back. One or two invocations."""
        doc = await self._load(given)
        order = doc.value
        if not order.is_refunding or order.refund_requests != given["number"]:
            return {"word": OVER}
        if not order.terms.total:
            return {"word": OK}
        payment = await self._refund_payment(order, f"r{given['number']}")
        if payment.waiting:
            return {"word": WAIT}
        if payment.state == "refunded":
            return {"word": OK}
        why = payment.reason or "The provider has refused it."
        await self._change(doc, lambda o: rules.refuse_refund(o, given["number"], why, self._now()))
        return {"word": OVER}

    async def _refund_payment(self, order: OrderRecord, key: str) -> Payment:
        try:
            return await self._market.refund(order, key)
        except Conflict:  # it was given back by another refund, or there is nothing to give
            return await self._market.payment(order)

    async def restock(self, given: StepInput) -> StepResult:
        """Put the goods back, and end the refund. One invocation and a swap."""
        doc = await self._load(given)
        order = doc.value
        entries = []
        try:
            await self._market.restock(order)
            entries.append(OrderEvent(rules.RESTOCKED, self._now()))
        except (Conflict, NotFound) as refusal:
            if refusal.code not in ("not_confirmed", "not_found"):
                raise
        await self._change(doc, lambda kept: rules.finish_refund(kept, entries, self._now()))
        return {"word": OK}

    # ── parts ───────────────────────────────────────────────────────────────────────────────

    async def _load(self, given: StepInput) -> Document[OrderRecord]:
        doc = await self._store.orders.load(given["order"])
        if doc is None:
            raise NotFound(f"There is no order {given['order']}.")
        return doc

    async def _change(
        self, doc: Document[OrderRecord], decide: Callable[[OrderRecord], OrderRecord]
    ) -> OrderRecord:
        kept = await self._store.orders.update(
            doc.value.id, lambda o: decide(o) if o else None, seen=doc
        )
        return kept or doc.value

    async def _reverse(self, given: StepInput, turn: OrderEvent) -> StepResult:
        kept = await self._store.orders.update(
            given["order"], lambda o: rules.reverse(o, _carried_events(given), turn) if o else None
        )
        return (_finished_result(kept) if kept else None) or {"word": BACK}

    def _ok(self, what: str) -> StepResult:
        return {"word": OK, "marks": [[what, self._now()]]}


def _finished_result(order: OrderRecord) -> StepResult | None:
    """What a step forward says where there is nothing left for it to do."""
    if order.checkout_outcome:
        return {"word": OVER}
    if order.reversal:
        return {"word": BACK}
    return {"word": OK} if order.has(rules.CAPTURING) else None


def _carried_events(given: StepInput) -> Sequence[OrderEvent]:
    return rules.decode_events(given.get("marks", []))
