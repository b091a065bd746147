"""The till: a step is written down, the provider is asked, its answer is written down.

Whatever dies or does not answer in between, the step stays open, is found by the `chaser`, and is
asked for again under the same key. So nobody is charged twice, and nothing is forgotten.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from services.chassis.errors import Conflict, NotFound, OutcomeUnknown, ServiceError
from services.payments.domain import payments as rules
from services.payments.domain.payments import Answer, Payment, Step, Terms
from services.payments.provider.port import Callback, Operation, Provider
from services.payments.store import Store

PATIENCE = 5.0
"""Seconds that the provider is given for an answer."""

SOON = 0.25
"""Seconds from its beginning for which it is worth waiting for a step that is being settled."""

_STEPS = 4
"""How many open steps are settled one after the other: more than ever are."""


class Till:
    """Authorises, captures, voids and refunds. `ids` makes the ids of entries."""

    def __init__(
        self,
        store: Store,
        provider: Provider,
        *,
        ids: Callable[[], str],
        patience: float = PATIENCE,
    ) -> None:
        self._store = store
        self._provider = provider
        self._ids = ids
        self._patience = patience
        self._settling: dict[str, tuple[float, asyncio.Future[None]]] = {}

    async def soon(self, order: str) -> None:
        """Wait for what this process is asking the provider just now, if it will soon be known."""
        if order in self._settling:
            began, done = self._settling[order]
            await asyncio.wait([done], timeout=max(0.0, began + SOON - time.monotonic()))

    async def authorize(self, order: str, terms: Terms) -> Payment:
        """Hold an amount for an order. Seven state calls, of which two are the provider's."""
        return await self._ask(
            order, lambda known: rules.authorize(known, order, terms), fresh=True
        )

    async def capture(self, order: str) -> Payment:
        """Take what is held, once. Eight state calls, of which two are the provider's."""
        return await self._ask(order, rules.capture)

    async def void(self, order: str) -> Payment:
        """Let go of what is held, or may ever be. As `capture`."""
        return await self._ask(order, lambda known: rules.void(known, order))

    async def refund(
        self, order: str, key: str, amount: int | None, currency: str | None
    ) -> Payment:
        """Give back a part of what was captured. As `capture`."""
        return await self._ask(order, lambda known: rules.refund(known, key, amount, currency))

    async def get(self, order: str) -> Payment:
        """What is known of an order. Raises `NotFound`. One state call."""
        payment = await self._store.payments.get(order)
        if payment is None:
            raise NotFound("Nothing was ever to be paid for this order.")
        return payment

    async def chase(self, order: str) -> Payment:
        """Ask what became of the steps that are open; again for those that never arrived."""
        return await self._settle(await self.get(order), again=True)

    async def hear(self, callback: Callback) -> Payment:
        """Take what the provider tells, whenever and however often. Three state calls."""
        payment = await self.get(callback.charge)
        order, _, name = callback.key.partition(":")
        step = payment.step(name)
        if order != payment.order or step is None or payment.terms is None:
            raise NotFound("Nothing was ever asked under this key.")
        if (step.amount, payment.terms.currency) != (callback.amount, callback.currency):
            raise Conflict("This is not what was asked for.", code="payment_differs")
        answer = Answer(callback.outcome, callback.reason)
        return await self._note(payment.order, name, answer) or payment

    # ── parts ───────────────────────────────────────────────────────────────────────────────

    async def _ask(
        self, order: str, decide: Callable[[Payment | None], Payment], *, fresh: bool = False
    ) -> Payment:
        payment = await self._store.payments.update(order, decide, fresh=fresh)
        return await self._settle(payment or Payment(order))

    async def _settle(self, payment: Payment, *, again: bool = False) -> Payment:
        """Ask for what is open, until it is known or the provider does not know either."""
        ours = (time.monotonic(), asyncio.get_running_loop().create_future())
        self._settling[payment.order] = ours
        try:
            return await self._settled(payment, again=again)
        finally:
            ours[1].set_result(None)
            if self._settling.get(payment.order) is ours:
                del self._settling[payment.order]

    async def _settled(self, payment: Payment, *, again: bool) -> Payment:
        for _ in range(_STEPS):
            step = payment.due
            if step is None:
                break
            try:
                answer = await self._outcome(payment, step, again=again)
            except ServiceError as failure:
                if failure.status >= 500:
                    break
                answer = Answer("refused", failure.code)
            payment = await self._note(payment.order, step.name, answer) or payment
            if answer.outcome == "pending":
                break
        return payment

    async def _outcome(self, payment: Payment, step: Step, *, again: bool) -> Answer:
        """What the provider says to a step. Raises `OutcomeUnknown` where it says nothing."""
        asked = _operation(payment, step)
        try:
            async with asyncio.timeout(self._patience):
                known = await self._provider.find(asked.charge, asked.key) if again else None
                return known or await self._provider.submit(asked)
        except TimeoutError as error:
            raise OutcomeUnknown("The provider of payments does not answer.") from error

    async def _note(self, order: str, name: str, answer: Answer) -> Payment | None:
        entry = self._ids()
        return await self._store.payments.update(
            order, lambda known: rules.settled(known, name, answer, entry) if known else None
        )


def _operation(payment: Payment, step: Step) -> Operation:
    terms = payment.terms
    if terms is None:
        raise ValueError("There is nothing to ask for an order without terms.")
    return Operation(
        kind=step.kind,
        charge=payment.order,
        key=f"{payment.order}:{step.name}",
        amount=step.amount,
        currency=terms.currency,
        card=terms.card if step.kind == rules.AUTHORIZE else "",
    )
