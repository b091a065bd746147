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
from services.payments.domain.payments import (
    PaymentRecord,
    PaymentStep,
    PaymentTerms,
    ProviderResult,
)
from services.payments.provider.port import Provider, ProviderCallback, ProviderOperation
from services.payments.repository import Repository

PROVIDER_TIMEOUT = 5.0
"""Seconds that the provider is given for an answer."""

SETTLEMENT_WAIT = 0.25
"""Seconds from its beginning for which it is worth waiting for a step that is being settled."""

_MAX_STEPS = 4
"""How many open steps are settled one after the other: more than ever are."""


class PaymentService:
    """Authorises, captures, voids and refunds. `ids` makes the ids of entries."""

    def __init__(
        self,
        store: Repository,
        provider: Provider,
        *,
        ids: Callable[[], str],
        patience: float = PROVIDER_TIMEOUT,
    ) -> None:
        self._store = store
        self._provider = provider
        self._ids = ids
        self._provider_timeout = patience
        self._settling: dict[str, tuple[float, asyncio.Future[None]]] = {}

    async def wait_for_settlement(self, order: str) -> None:
        """Wait for what this process is asking the provider just now, if it will soon be known."""
        if order in self._settling:
            began, done = self._settling[order]
            await asyncio.wait([done], timeout=max(0.0, began + SETTLEMENT_WAIT - time.monotonic()))

    async def authorize(self, order: str, terms: PaymentTerms) -> PaymentRecord:
        """Hold an amount for an order. Seven state calls, of which two are the provider's."""
        return await self._update_and_settle(
            order, lambda known: rules.authorize(known, order, terms), fresh=True
        )

    async def capture(self, order: str) -> PaymentRecord:
        """Take what is held, once. Eight state calls, of which two are the provider's."""
        return await self._update_and_settle(order, rules.capture)

    async def void(self, order: str) -> PaymentRecord:
        """Let go of what is held, or may ever be. As `capture`."""
        return await self._update_and_settle(order, lambda known: rules.void(known, order))

    async def refund(
        self, order: str, key: str, amount: int | None, currency: str | None
    ) -> PaymentRecord:
        """Give back a part of what was captured. As `capture`."""
        return await self._update_and_settle(
            order, lambda known: rules.refund(known, key, amount, currency)
        )

    async def get(self, order: str) -> PaymentRecord:
        """What is known of an order. Raises `NotFound`. One state call."""
        payment = await self._store.payments.get(order)
        if payment is None:
            raise NotFound("Nothing was ever to be paid for this order.")
        return payment

    async def reconcile(self, order: str) -> PaymentRecord:
        """Ask what became of the steps that are open; again for those that never arrived."""
        return await self._settle(await self.get(order), again=True)

    async def on_provider_callback(self, callback: ProviderCallback) -> PaymentRecord:
        """Take what the provider tells, whenever and however often. Three state calls."""
        payment = await self.get(callback.charge)
        order, _, name = callback.key.partition(":")
        step = payment.step(name)
        if order != payment.order or step is None or payment.terms is None:
            raise NotFound("Nothing was ever asked under this key.")
        if (step.amount, payment.terms.currency) != (callback.amount, callback.currency):
            raise Conflict("This is not what was asked for.", code="payment_differs")
        answer = ProviderResult(callback.outcome, callback.reason)
        return await self._record_result(payment.order, name, answer) or payment

    # ── parts ───────────────────────────────────────────────────────────────────────────────

    async def _update_and_settle(
        self,
        order: str,
        decide: Callable[[PaymentRecord | None], PaymentRecord],
        *,
        fresh: bool = False,
    ) -> PaymentRecord:
        payment = await self._store.payments.update(order, decide, fresh=fresh)
        return await self._settle(payment or PaymentRecord(order))

    async def _settle(self, payment: PaymentRecord, *, again: bool = False) -> PaymentRecord:
        """Ask for what is open, until it is known or the provider does not know either."""
        ours = (time.monotonic(), asyncio.get_running_loop().create_future())
        self._settling[payment.order] = ours
        try:
            return await self._settle_steps(payment, again=again)
        finally:
            ours[1].set_result(None)
            if self._settling.get(payment.order) is ours:
                del self._settling[payment.order]

    async def _settle_steps(self, payment: PaymentRecord, *, again: bool) -> PaymentRecord:
        for _ in range(_MAX_STEPS):
            step = payment.next_open_step
            if step is None:
                break
            try:
                answer = await self._ask_provider(payment, step, again=again)
            except ServiceError as failure:
                if failure.status >= 500:
                    break
                answer = ProviderResult("refused", failure.code)
            payment = await self._record_result(payment.order, step.name, answer) or payment
            if answer.outcome == "pending":
                break
        return payment

    async def _ask_provider(
        self, payment: PaymentRecord, step: PaymentStep, *, again: bool
    ) -> ProviderResult:
        """What the provider says to a step. Raises `OutcomeUnknown` where it says nothing."""
        asked = _provider_operation(payment, step)
        try:
            async with asyncio.timeout(self._provider_timeout):
                known = await self._provider.find(asked.charge, asked.key) if again else None
                return known or await self._provider.submit(asked)
        except TimeoutError as error:
            raise OutcomeUnknown("The provider of payments does not answer.") from error

    async def _record_result(
        self, order: str, name: str, answer: ProviderResult
    ) -> PaymentRecord | None:
        entry = self._ids()
        return await self._store.payments.update(
            order, lambda known: rules.settle(known, name, answer, entry) if known else None
        )


def _provider_operation(payment: PaymentRecord, step: PaymentStep) -> ProviderOperation:
    terms = payment.terms
    if terms is None:
        raise ValueError("There is nothing to ask for an order without terms.")
    return ProviderOperation(
        kind=step.kind,
        charge=payment.order,
        key=f"{payment.order}:{step.name}",
        amount=step.amount,
        currency=terms.currency,
        card=terms.card if step.kind == rules.AUTHORIZE else "",
    )
