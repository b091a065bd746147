"""What the activities of both sagas share: their inputs and results, and the log of an order.

The fields of inputs and results (`order`, `marks`, `word`) are persisted in the history of running
workflows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.chassis.errors import NotFound
from services.chassis.storage.documents import Document
from services.orders.application.order_outcomes import OrderOutcomes
from services.orders.domain import orders as rules
from services.orders.domain import transitions
from services.orders.domain.orders import OrderLogEntry, OrderRecord
from services.orders.domain.views import order_view
from services.orders.repository import Repository

StepResult = dict[str, Any]
StepInput = Mapping[str, Any]

OK, WAIT, BACK, OVER = "ok", "wait", "back", "over"
REFUSED_BY_PROVIDER = "The payment provider refused it."


class OrderLogs:
    """Reads and changes the logs of orders. `now` returns the current time."""

    def __init__(
        self, repository: Repository, outcomes: OrderOutcomes, *, now: Callable[[], str]
    ) -> None:
        self._repository = repository
        self._outcomes = outcomes
        self.now = now

    async def load(self, given: StepInput) -> Document[OrderRecord]:
        """Return the order of a step. Raises `NotFound`. One state call."""
        doc = await self._repository.orders.load(given["order"])
        if doc is None:
            raise NotFound(f"There is no order {given['order']}.")
        return doc

    async def change(
        self, doc: Document[OrderRecord], decide: Callable[[OrderRecord], OrderRecord]
    ) -> OrderRecord:
        """Change an order that was just read. One state call if it has not changed since."""
        orders, changed = self._repository.orders, None

        def change(order: OrderRecord | None) -> OrderRecord | None:
            nonlocal changed
            after = decide(order) if order else None
            changed = after if after is not order else None
            return after

        kept = await orders.update(doc.value.id, change, known=doc)
        if kept and kept.is_final:
            # What shared the swap is not in this view. It came after the order was final.
            version = orders.committed_version(kept.id)
            is_own = kept is changed and version > 0
            is_shown = is_own and self._outcomes.is_awaited(kept.id)
            view = order_view(kept) | {"version": version} if is_shown else None
            self._outcomes.note_final(kept.id, view)
        return kept or doc.value

    async def reverse(self, given: StepInput, what: str, why: str) -> StepResult:
        """Reverse the checkout, unless it is too late. Two state calls."""
        events, reversal = carried_events(given), OrderLogEntry(what, self.now(), why)
        kept = await self._repository.orders.update(
            given["order"],
            lambda order: transitions.reverse(order, events, reversal) if order else None,
        )
        return (finished_result(kept) if kept else None) or {"word": BACK}

    def event(self, what: str) -> OrderLogEntry:
        """Return an event that happens now."""
        return OrderLogEntry(what, self.now())

    def ok(self, what: str) -> StepResult:
        """Return the result of a step whose event the next step that writes takes along."""
        return {"word": OK, "marks": [[what, self.now()]]}


def finished_result(order: OrderRecord) -> StepResult | None:
    """Return the result of a step forward for which nothing is left to do, else None."""
    if order.checkout_outcome:
        return {"word": OVER}
    if order.reversal:
        return {"word": BACK}
    return {"word": OK} if order.has(rules.CAPTURING) else None


def carried_events(given: StepInput) -> Sequence[OrderLogEntry]:
    """Return the events of earlier steps that are not written yet."""
    return [OrderLogEntry(what, at) for what, at in given.get("marks", [])]
