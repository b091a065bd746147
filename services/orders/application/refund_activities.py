"""The activities of a refund. Each is idempotent."""

from __future__ import annotations

from services.chassis.errors import Conflict, NotFound
from services.chassis.workflows.plan import Activity
from services.contracts.payments import Payment
from services.orders.adapters.shop_services import ShopServices
from services.orders.application.order_logs import (
    OK,
    OVER,
    REFUSED_BY_PROVIDER,
    WAIT,
    OrderLogs,
    StepInput,
    StepResult,
)
from services.orders.domain import saga, transitions
from services.orders.domain.orders import RESTOCKED, OrderRecord


class RefundActivities:
    """The activities of a refund, by their names in the saga."""

    def __init__(self, orders: OrderLogs, shop_services: ShopServices) -> None:
        self._orders = orders
        self._shop_services = shop_services

    def all(self) -> dict[str, Activity]:
        return {saga.PAY_BACK: self.pay_back, saga.RESTOCK: self.restock}

    async def pay_back(self, given: StepInput) -> StepResult:
        """Give the money back. One or two invocations."""
        doc, number = await self._orders.load(given), given["number"]
        order = doc.value
        if not order.is_refunding or order.refund_requests != number:
            return {"word": OVER}
        if not order.terms.total:
            return {"word": OK}
        payment = await self._refund(order, f"r{number}")
        if payment.waiting:
            return {"word": WAIT}
        if payment.state == "refunded":
            return {"word": OK}
        why, now = payment.reason or REFUSED_BY_PROVIDER, self._orders.now()
        await self._orders.change(
            doc, lambda kept: transitions.refuse_refund(kept, number, why, now)
        )
        return {"word": OVER}

    async def _refund(self, order: OrderRecord, key: str) -> Payment:
        try:
            return await self._shop_services.refund(order, key)
        except Conflict:  # another refund gave it back, or there is nothing to give back
            return await self._shop_services.payment(order)

    async def restock(self, given: StepInput) -> StepResult:
        """Put the goods back and end the refund. One invocation and a write."""
        doc = await self._orders.load(given)
        events = []
        try:
            await self._shop_services.restock(doc.value)
            events.append(self._orders.event(RESTOCKED))
        except (Conflict, NotFound) as refusal:
            if refusal.code not in ("not_confirmed", "not_found"):
                raise
        now = self._orders.now()
        await self._orders.change(doc, lambda kept: transitions.finish_refund(kept, events, now))
        return {"word": OK}
