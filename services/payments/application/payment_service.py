"""Performs the steps of payments: ask the provider, and write its answer.

An authorization and a capture are written with their answer, because orders has written before
that it wants them, and asks again until it has an answer, or voids the payment
(docs/decisions/0060). All other steps are written before the provider is asked.

A step without an answer is written as open. The reconciler finds it and asks again under the same
key. So nobody is charged twice, and no step is lost.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from cachetools import FIFOCache

from services.chassis.errors import Conflict, NotFound, ServiceError
from services.chassis.storage.documents import Document
from services.payments.domain import steps
from services.payments.domain.payments import (
    AUTHORIZE,
    CAPTURE,
    PaymentRecord,
    PaymentStep,
    PaymentTerms,
    ProviderResult,
)
from services.payments.provider.port import (
    KEY_REUSED,
    Provider,
    ProviderCallback,
    ProviderOperation,
)
from services.payments.repository import Repository

T = TypeVar("T")

PROVIDER_TIMEOUT = 5.0
"""Seconds in which the provider must answer."""

SETTLEMENT_WAIT = 0.25
"""Seconds for which it is worth waiting for a step that is being settled, from its start."""

_MAX_REMEMBERED_PAYMENTS = 2_000
"""Authorized payments that a process remembers, to capture them with one read less."""

_MAX_STEPS = 4
"""How many open steps are settled in a row: more than a payment ever has."""


class PaymentService:
    """Authorizes, captures, voids and refunds payments. `ids` generates ids of ledger entries."""

    def __init__(
        self,
        repository: Repository,
        provider: Provider,
        *,
        ids: Callable[[], str],
        provider_timeout: float = PROVIDER_TIMEOUT,
    ) -> None:
        self._repository = repository
        self._provider = provider
        self._ids = ids
        self._provider_timeout = provider_timeout
        self._settling: dict[str, tuple[float, asyncio.Future[None]]] = {}
        self._authorized: FIFOCache[str, PaymentRecord] = FIFOCache(_MAX_REMEMBERED_PAYMENTS)

    async def wait_for_settlement(self, order: str) -> None:
        """Wait briefly if this process is asking the provider about an order now."""
        if order in self._settling:
            began, done = self._settling[order]
            timeout = max(0.0, began + SETTLEMENT_WAIT - time.monotonic())
            await asyncio.wait([done], timeout=timeout)

    async def authorize(self, order: str, terms: PaymentTerms) -> PaymentRecord:
        """Hold an amount for an order. Two state calls, one of them the sandbox provider's.

        If the order was voided before, the provider is asked to release what it may hold.
        """
        asked = steps.authorize(None, order, terms)
        result = await self._ask_provider(asked, asked.steps[-1], again=False)
        outcome, entry_id = _own_outcome(result), self._ids()

        def decide(known: PaymentRecord | None) -> PaymentRecord:
            if known and known.terms is None and not (outcome and outcome.outcome == "refused"):
                return steps.void(known, order)
            if known is None and _is_of_another(result):
                raise steps.payment_differs()
            payment = steps.authorize(known, order, terms)
            return steps.settle(payment, AUTHORIZE, outcome, entry_id) if outcome else payment

        payments, is_new = self._repository.payments, not _is_of_another(result)
        payment = await payments.update(order, decide, expect_absent=is_new) or asked
        if payment.terms is None:
            await self._settle(payment)
            raise steps.voided_before()
        payment = await self._settle_others(payment, result)
        if payment.state == "authorized" and not payment.next_open_step:
            self._authorized[order] = payment
        return payment

    async def capture(self, order: str) -> PaymentRecord:
        """Capture what is held, once. Four state calls, two of them the sandbox provider's.

        If this process has authorized it, the reads of both share a call. The payment may have been
        voided meanwhile: then the provider refuses to capture it.
        """
        seen: Document[PaymentRecord] | None = None
        known = self._authorized.pop(order, None)
        if known is None:
            seen = await self._repository.payments.load(order)
            known = seen.value if seen else None
        asked = steps.capture(known)
        if asked is known:
            return await self._settle(asked)
        result, seen = await asyncio.gather(
            self._ask_provider(asked, asked.steps[-1], again=False),
            _given(seen) if seen else self._read_again(order),
        )
        outcome, entry_id = _own_outcome(result), self._ids()

        def decide(known: PaymentRecord | None) -> PaymentRecord:
            payment = steps.record_capture(known)
            return steps.settle(payment, CAPTURE, outcome, entry_id) if outcome else payment

        payment = await self._repository.payments.update(order, decide, known=seen)
        return await self._settle_others(payment or asked, result)

    async def void(self, order: str) -> PaymentRecord:
        """Release what is held, or may ever be. Five state calls, two of them the provider's."""
        self._authorized.pop(order, None)
        return await self._update_and_settle(order, lambda known: steps.void(known, order))

    async def refund(
        self, order: str, key: str, amount: int | None, currency: str | None
    ) -> PaymentRecord:
        """Give back what was captured, or a part of it. Costs as `void`."""
        return await self._update_and_settle(
            order, lambda known: steps.refund(known, key, amount, currency)
        )

    async def get(self, order: str) -> PaymentRecord:
        """Return the payment of an order. Raises `NotFound`. One state call."""
        payment = await self._repository.payments.get(order)
        if payment is None:
            raise steps.payment_not_found()
        return payment

    async def reconcile(self, order: str) -> PaymentRecord:
        """Ask for the outcome of open steps, and submit those again that never arrived."""
        return await self._settle(await self.get(order), again=True)

    async def on_provider_callback(self, callback: ProviderCallback) -> PaymentRecord:
        """Record an outcome that the provider reports. A repeat changes nothing.

        Three state calls. Raises `NotFound` for an unknown step, `Conflict` for another amount.
        """
        payment = await self.get(callback.charge)
        order, _, name = callback.key.partition(":")
        step = payment.step(name)
        if order != payment.order or step is None or payment.terms is None:
            raise NotFound("No payment step has this key.")
        if (step.amount, payment.terms.currency) != (callback.amount, callback.currency):
            message = "The amount differs from that of the payment step."
            raise Conflict(message, code="payment_differs")
        result = ProviderResult(callback.outcome, callback.reason)
        return await self._record_result(payment.order, name, result) or payment

    # ── parts ───────────────────────────────────────────────────────────────────────────────

    async def _update_and_settle(
        self, order: str, decide: Callable[[PaymentRecord | None], PaymentRecord]
    ) -> PaymentRecord:
        payment = await self._repository.payments.update(order, decide)
        return await self._settle(payment or PaymentRecord(order))

    async def _settle_others(
        self, payment: PaymentRecord, result: ProviderResult | None
    ) -> PaymentRecord:
        """Settle the other open steps, if the provider has decided about the one just asked for."""
        is_decided = result is not None and result.outcome != "pending"
        return await self._settle(payment) if is_decided else payment

    async def _settle(self, payment: PaymentRecord, *, again: bool = False) -> PaymentRecord:
        """Settle open steps, and let `wait_for_settlement` know when it is done."""
        ours = (time.monotonic(), asyncio.get_running_loop().create_future())
        self._settling[payment.order] = ours
        try:
            return await self._settle_steps(payment, again=again)
        finally:
            ours[1].set_result(None)
            if self._settling.get(payment.order) is ours:
                del self._settling[payment.order]

    async def _settle_steps(self, payment: PaymentRecord, *, again: bool) -> PaymentRecord:
        """Ask for open steps until all are known, or the provider does not know one."""
        for _ in range(_MAX_STEPS):
            step = payment.next_open_step
            if step is None:
                break
            result, doc = await asyncio.gather(
                self._ask_provider(payment, step, again=again), self._read_again(payment.order)
            )
            if result is None or _is_of_another(result):
                break
            payment = await self._record_result(payment.order, step.name, result, doc) or payment
            if result.outcome == "pending":
                break
        return payment

    async def _ask_provider(
        self, payment: PaymentRecord, step: PaymentStep, *, again: bool
    ) -> ProviderResult | None:
        """Return the provider's result of a step, or None if it does not answer."""
        asked = _provider_operation(payment, step)
        try:
            async with asyncio.timeout(self._provider_timeout):
                known = await self._provider.find(asked.charge, asked.key) if again else None
                return known or await self._provider.submit(asked)
        except TimeoutError:
            return None
        except ServiceError as error:
            return None if error.status >= 500 else ProviderResult("refused", error.code)

    async def _read_again(self, order: str) -> Document[PaymentRecord] | None:
        """Read what was just written, to change it next: a write gives no ETag.

        It shares a state call with the sandbox provider.
        """
        try:
            return await self._repository.payments.load(order)
        except ServiceError:  # it is tried again when the result is recorded
            return None

    async def _record_result(
        self,
        order: str,
        name: str,
        result: ProviderResult,
        seen: Document[PaymentRecord] | None = None,
    ) -> PaymentRecord | None:
        entry_id = self._ids()
        return await self._repository.payments.update(
            order,
            lambda known: steps.settle(known, name, result, entry_id) if known else None,
            known=seen,
        )


def _is_of_another(result: ProviderResult | None) -> bool:
    """Whether another request has asked under the same key for other terms.

    What became of the step is then not known.
    """
    return result is not None and result.reason == KEY_REUSED


def _own_outcome(result: ProviderResult | None) -> ProviderResult | None:
    """What the provider answers to this request; None if it does not answer, or to another."""
    return None if _is_of_another(result) else result


async def _given(value: T) -> T:
    return value


def _provider_operation(payment: PaymentRecord, step: PaymentStep) -> ProviderOperation:
    terms = payment.terms
    return ProviderOperation(
        kind=step.kind,
        charge=payment.order,
        key=f"{payment.order}:{step.name}",
        amount=step.amount,
        currency=terms.currency if terms else "",
        card=terms.card if terms and step.kind == AUTHORIZE else "",
    )
