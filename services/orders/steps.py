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
from services.orders.domain import orders as rules
from services.orders.domain import saga
from services.orders.domain.orders import Entry, Order
from services.orders.market import Answer, Market
from services.orders.store import Store

Word = dict[str, Any]
Given = Mapping[str, Any]

OK, WAIT, BACK, OVER = "ok", "wait", "back", "over"

_REFUSALS = {"price_changed": rules.PRICE_CHANGED, "out_of_stock": rules.NOT_AVAILABLE}
"""What turns an order back that catalog does not reserve; all else is given up."""


class Steps:
    """The activities, by the names that the saga has for them."""

    def __init__(self, store: Store, market: Market, *, now: Callable[[], str]) -> None:
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

    async def reserve(self, given: Given) -> Word:
        """Check the prices, and hold the pieces. One state call and one invocation."""
        order = (await self._load(given)).value
        if done := _passed(order):
            return done
        try:
            await self._market.reserve(order)
        except NotFound as missing:
            if missing.code != "not_sold":
                raise
            return await self._turn(given, Entry(rules.NOT_AVAILABLE, self._now(), missing.message))
        except Conflict as refusal:
            what = _REFUSALS.get(refusal.code, rules.GAVE_UP)
            return await self._turn(given, Entry(what, self._now(), refusal.message))
        return self._ok(rules.RESERVED)

    async def authorise(self, given: Given) -> Word:
        """Have the card charged. One state call and one invocation, a swap where it must wait."""
        doc = await self._load(given)
        order = doc.value
        if done := _passed(order):
            return done
        if not order.terms.total:
            return {"word": OK}
        try:
            payment = await self._market.authorize(order)
        except Invalid as refusal:
            return await self._turn(given, Entry(rules.DECLINED, self._now(), refusal.message))
        except Conflict as refusal:
            return await self._turn(given, Entry(rules.GAVE_UP, self._now(), refusal.message))
        match payment["state"]:
            case "pending":
                return await self._pending(doc, given)
            case "declined" | "voided":
                why = payment["reason"]
                return await self._turn(given, Entry(rules.DECLINED, self._now(), why))
        return self._ok(rules.AUTHORIZED)

    async def _pending(self, doc: Document[Order], given: Given) -> Word:
        entries = [*_marks(given), Entry(rules.PENDING, self._now())]
        if not doc.value.has(rules.PENDING):
            await self._change(doc, lambda kept: rules.noted(kept, entries))
        return {"word": WAIT}

    async def confirm(self, given: Given) -> Word:
        """Sell the pieces, and pass the point of no return. One invocation and a swap."""
        doc = await self._load(given)
        order = doc.value
        if done := _passed(order):
            return done
        try:
            await self._market.confirm(order)
        except (Conflict, NotFound) as refusal:
            if refusal.code == "not_reserved":
                raise Unavailable(refusal.message) from refusal
            return await self._turn(given, Entry(rules.GAVE_UP, self._now(), refusal.message))
        entries = [*_marks(given), Entry(rules.CONFIRMED, self._now())]
        order = await self._change(doc, lambda kept: rules.paying(kept, entries, self._now()))
        return _passed(order) or {"word": BACK}

    async def capture(self, given: Given) -> Word:
        """Take the money, and complete the order. One invocation and a swap."""
        doc = await self._load(given)
        order = doc.value
        if order.end or order.turn:
            return {"word": OVER if order.end else BACK}
        why = ""
        if order.terms.total:
            try:
                payment = await self._market.capture(order)
            except (Conflict, NotFound) as refusal:
                why = refusal.message
            else:
                if payment["state"] not in ("captured", "refunded"):
                    if payment["waiting"]:
                        return {"word": WAIT}
                    why = payment["reason"] or "The provider has refused it."
        if why:
            await self._change(doc, lambda o: rules.refused_at_last(o, why, self._now()))
            return {"word": BACK}
        await self._change(doc, lambda kept: rules.completed(kept, self._now()))
        return {"word": OK}

    # ── back ────────────────────────────────────────────────────────────────────────────────

    async def give_up(self, given: Given) -> Word:
        """Turn the order back after too many tries, where that is still possible."""
        return await self._turn(given, Entry(rules.GAVE_UP, self._now(), given["why"]))

    async def void(self, given: Given) -> Word:
        """See that no money is taken, or that it is given back. One or two invocations."""
        order = (await self._load(given)).value
        if order.end or not order.terms.total:
            return {"word": OK}
        try:
            payment = await self._market.void(order)
        except Conflict as refusal:
            if refusal.code != "captured":
                raise
            payment = await self._market.refund(order, "undone")
        if payment["state"] not in ("voided", "declined", "refunded") or payment["waiting"]:
            return {"word": WAIT}
        return self._ok(rules.VOIDED) if payment["buyer"] else {"word": OK}

    async def release(self, given: Given) -> Word:
        """See that no pieces are held or sold. One or two invocations."""
        order = (await self._load(given)).value
        if order.end:
            return {"word": OK}
        try:
            reservation = await self._market.release(order)
        except Conflict as refusal:
            if refusal.code != "already_confirmed":
                raise
            await self._market.restock(order)
            return self._ok(rules.RESTOCKED)
        return self._ok(rules.RELEASED) if reservation["items"] else {"word": OK}

    async def close(self, given: Given) -> Word:
        """Bring the order to rest."""
        doc = await self._load(given)
        await self._change(doc, lambda o: rules.closed(o, _marks(given), self._now()))
        return {"word": OK}

    # ── refunds ─────────────────────────────────────────────────────────────────────────────

    async def pay_back(self, given: Given) -> Word:
        """Give the money back. One or two invocations."""
        doc = await self._load(given)
        order = doc.value
        if not order.is_refunding or order.refunds != given["number"]:
            return {"word": OVER}
        if not order.terms.total:
            return {"word": OK}
        payment = await self._refunded(order, f"r{given['number']}")
        if payment["waiting"]:
            return {"word": WAIT}
        if payment["state"] == "refunded":
            return {"word": OK}
        why = payment["reason"] or "The provider has refused it."
        await self._change(
            doc, lambda o: rules.refund_refused(o, given["number"], why, self._now())
        )
        return {"word": OVER}

    async def _refunded(self, order: Order, key: str) -> Answer:
        try:
            return await self._market.refund(order, key)
        except Conflict:  # it was given back by another refund, or there is nothing to give
            return await self._market.payment(order)

    async def restock(self, given: Given) -> Word:
        """Put the goods back, and end the refund. One invocation and a swap."""
        doc = await self._load(given)
        order = doc.value
        entries = []
        try:
            await self._market.restock(order)
            entries.append(Entry(rules.RESTOCKED, self._now()))
        except (Conflict, NotFound) as refusal:
            if refusal.code not in ("not_confirmed", "not_found"):
                raise
        await self._change(doc, lambda kept: rules.refunded(kept, entries, self._now()))
        return {"word": OK}

    # ── parts ───────────────────────────────────────────────────────────────────────────────

    async def _load(self, given: Given) -> Document[Order]:
        doc = await self._store.orders.load(given["order"])
        if doc is None:
            raise NotFound(f"There is no order {given['order']}.")
        return doc

    async def _change(self, doc: Document[Order], decide: Callable[[Order], Order]) -> Order:
        kept = await self._store.orders.update(
            doc.value.id, lambda o: decide(o) if o else None, seen=doc
        )
        return kept or doc.value

    async def _turn(self, given: Given, turn: Entry) -> Word:
        kept = await self._store.orders.update(
            given["order"], lambda o: rules.turned(o, _marks(given), turn) if o else None
        )
        return (_passed(kept) if kept else None) or {"word": BACK}

    def _ok(self, what: str) -> Word:
        return {"word": OK, "marks": [[what, self._now()]]}


def _passed(order: Order) -> Word | None:
    """What a step forward says where there is nothing left for it to do."""
    if order.end:
        return {"word": OVER}
    if order.turn:
        return {"word": BACK}
    return {"word": OK} if order.has(rules.CAPTURING) else None


def _marks(given: Given) -> Sequence[Entry]:
    return rules.entries_of(given.get("marks", []))
