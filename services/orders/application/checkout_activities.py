"""The activities of the sagas. Each is idempotent, and reads from the order how far it is.

What another service refuses is an outcome, and recorded in the order. What it does not answer
raises, and is retried by the workflow.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from services.chassis.errors import Conflict, Invalid, NotFound, Unavailable
from services.chassis.storage.documents import Document
from services.chassis.workflows.plan import Activity
from services.orders.adapters.shop_services import ShopServices
from services.orders.application.order_logs import (
    BACK,
    OK,
    OVER,
    REFUSED_BY_PROVIDER,
    WAIT,
    OrderLogs,
    StepInput,
    StepResult,
    carried_events,
    finished_result,
)
from services.orders.domain import orders as rules
from services.orders.domain import saga, transitions
from services.orders.domain.orders import OrderRecord

_REVERSALS = {"price_changed": rules.PRICE_CHANGED, "out_of_stock": rules.NOT_AVAILABLE}
"""The reversals for refusals of catalog by code. All other refusals give the checkout up."""


log = logging.getLogger(__name__)

Step = Callable[[Document[OrderRecord], StepInput], Awaitable[StepResult]]
"""A step of the saga. It gets the order as it was just read."""


class CheckoutActivities:
    """The activities of the checkout, by their names in the saga.

    `go_on` starts the workflow of an order that could not be completed together with others.
    """

    def __init__(
        self,
        orders: OrderLogs,
        shop_services: ShopServices,
        go_on: Callable[[str], Awaitable[None]],
    ) -> None:
        self._orders = orders
        self._shop_services = shop_services
        self._go_on = go_on

    def all(self) -> dict[str, Activity]:
        steps: dict[str, Step] = {
            saga.RESERVE: self.reserve,
            saga.AUTHORISE: self.authorise,
            saga.CONFIRM: self.confirm,
            saga.CAPTURE: self.capture,
            saga.VOID: self.void,
            saga.RELEASE: self.release,
            saga.CLOSE: self.close,
        }
        alone = {name: self._activity(step) for name, step in steps.items()}
        return {
            saga.ADVANCE: self.advance,
            saga.ADVANCE_TOGETHER: self.advance_together,
            saga.GIVE_UP: self.give_up,
            **alone,
        }

    def _activity(self, step: Step) -> Activity:
        """An activity that does one step. It costs one state call more, to read the order."""

        async def activity(given: StepInput) -> StepResult:
            return await step(await self._orders.load(given), given)

        return activity

    # ── forward ─────────────────────────────────────────────────────────────────────────────

    async def advance_together(self, given: StepInput) -> StepResult:
        """Do all steps forward of some orders, each as if it were alone.

        They share calls. One that is not completed goes on in a workflow of its own, at once.
        """
        going_on = map(self._advance_or_go_on, given["orders"])
        for outcome in await asyncio.gather(*going_on, return_exceptions=True):
            if isinstance(outcome, BaseException):  # one that fails stops no other
                raise outcome
        return {"word": OK}

    async def _advance_or_go_on(self, order: str) -> None:
        try:
            word = (await self.advance({"order": order}))["word"]
        except Exception as error:  # as in a workflow of its own, that is a step to be repeated
            log.info("an order goes on by itself", extra={"order": order, "why": str(error)})
            word = WAIT
        if word not in (OK, OVER):
            await self._go_on(order)

    async def advance(self, given: StepInput) -> StepResult:
        """Do all steps forward, up to the first that is not `ok`, whose result this returns.

        The order is read before the first step and before the last one.
        """
        doc, marks = await self._orders.load(given), list[Any]()
        for step in (self.reserve, self.authorise, self.confirm):
            result = await step(doc, {**given, "marks": marks})
            if result["word"] != OK:
                return result
            marks += result.get("marks", [])
        return await self.capture(await self._orders.load(given), given)

    async def reserve(self, doc: Document[OrderRecord], given: StepInput) -> StepResult:
        """Check the prices and hold the pieces. One invocation."""
        order = doc.value
        if done := finished_result(order):
            return done
        try:
            await self._shop_services.reserve(order)
        except NotFound as missing:
            if missing.code != "not_sold":
                raise
            return await self._orders.reverse(given, rules.NOT_AVAILABLE, missing.message)
        except Conflict as refusal:
            what = _REVERSALS.get(refusal.code, rules.GAVE_UP)
            return await self._orders.reverse(given, what, refusal.message)
        return self._orders.ok(rules.RESERVED)

    async def authorise(self, doc: Document[OrderRecord], given: StepInput) -> StepResult:
        """Hold the price on the card. One invocation, and a write if it waits."""
        order = doc.value
        if done := finished_result(order):
            return done
        if not order.terms.total:
            return {"word": OK}
        try:
            payment = await self._shop_services.authorize(order)
        except Invalid as refusal:
            return await self._orders.reverse(given, rules.DECLINED, refusal.message)
        except Conflict as refusal:
            return await self._orders.reverse(given, rules.GAVE_UP, refusal.message)
        match payment.state:
            case "pending":
                return await self._wait_for_provider(doc, given)
            case "declined" | "voided":
                return await self._orders.reverse(given, rules.DECLINED, payment.reason)
        return self._orders.ok(rules.AUTHORIZED)

    async def _wait_for_provider(self, doc: Document[OrderRecord], given: StepInput) -> StepResult:
        events = [*carried_events(given), self._orders.event(rules.PAYMENT_PENDING)]
        if not doc.value.has(rules.PAYMENT_PENDING):
            await self._orders.change(doc, lambda kept: transitions.record(kept, events))
        return {"word": WAIT}

    async def confirm(self, doc: Document[OrderRecord], given: StepInput) -> StepResult:
        """Sell the pieces and pass the point of no return. One invocation and a write."""
        order = doc.value
        if done := finished_result(order):
            return done
        try:
            await self._shop_services.confirm(order)
        except (Conflict, NotFound) as refusal:
            if refusal.code == "not_reserved":
                raise Unavailable(refusal.message) from refusal
            return await self._orders.reverse(given, rules.GAVE_UP, refusal.message)
        confirmed = self._orders.event(rules.CONFIRMED)
        events = [*carried_events(given), confirmed]
        order = await self._orders.change(
            doc, lambda kept: transitions.begin_capture(kept, events, confirmed.at)
        )
        return finished_result(order) or {"word": BACK}

    async def capture(self, doc: Document[OrderRecord], given: StepInput) -> StepResult:
        """Capture the payment and complete the order. One invocation and a write."""
        order = doc.value
        if order.checkout_outcome or order.reversal:
            return {"word": OVER if order.checkout_outcome else BACK}
        why = ""
        if order.terms.total:
            try:
                payment = await self._shop_services.capture(order)
            except (Conflict, NotFound) as refusal:
                why = refusal.message
            else:
                if payment.state not in ("captured", "refunded"):
                    if payment.waiting:
                        return {"word": WAIT}
                    why = payment.reason or REFUSED_BY_PROVIDER
        now = self._orders.now()
        if why:
            await self._orders.change(
                doc, lambda kept: transitions.reverse_refused_capture(kept, why, now)
            )
            return {"word": BACK}
        await self._orders.change(doc, lambda kept: transitions.complete(kept, now))
        return {"word": OK}

    # ── back ────────────────────────────────────────────────────────────────────────────────

    async def give_up(self, given: StepInput) -> StepResult:
        """Reverse the checkout after too many attempts, if that is still possible."""
        return await self._orders.reverse(given, rules.GAVE_UP, given["why"])

    async def void(self, doc: Document[OrderRecord], given: StepInput) -> StepResult:
        """Make sure that no money is taken, or that it is given back. One or two invocations."""
        order = doc.value
        if order.checkout_outcome or not order.terms.total:
            return {"word": OK}
        try:
            payment = await self._shop_services.void(order)
        except Conflict as refusal:
            if refusal.code != "captured":
                raise
            payment = await self._shop_services.refund(order, "undone")
        if payment.state not in ("voided", "declined", "refunded") or payment.waiting:
            return {"word": WAIT}
        return self._orders.ok(rules.VOIDED) if payment.buyer else {"word": OK}

    async def release(self, doc: Document[OrderRecord], given: StepInput) -> StepResult:
        """Make sure that no pieces are held or sold. One or two invocations."""
        order = doc.value
        if order.checkout_outcome:
            return {"word": OK}
        try:
            reservation = await self._shop_services.release(order)
        except Conflict as refusal:
            if refusal.code != "already_confirmed":
                raise
            await self._shop_services.restock(order)
            return self._orders.ok(rules.RESTOCKED)
        return self._orders.ok(rules.RELEASED) if reservation.items else {"word": OK}

    async def close(self, doc: Document[OrderRecord], given: StepInput) -> StepResult:
        """End the reversed checkout."""
        events, now = carried_events(given), self._orders.now()
        await self._orders.change(doc, lambda kept: transitions.close(kept, events, now))
        return {"word": OK}
