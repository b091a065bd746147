"""The sandbox provider, which moves no money.

It behaves like a remote provider: it keeps its own record, is slow, answers too late, and calls
back twice, as its test cards (`provider/charges.py`) say. Its documents are in our state store.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import orjson

from services.chassis.errors import OutcomeUnknown, ServiceError
from services.chassis.storage.collection import Collection
from services.payments.domain.payments import ProviderResult
from services.payments.provider.charges import (
    DUPLICATE_CALLBACK,
    PENDING,
    PENDING_DECLINED,
    SLOW,
    TIMEOUT_AFTER_SUCCESS,
    Charge,
    ChargeOperation,
    apply_operation,
)
from services.payments.provider.port import ProviderOperation

PENDING_DELAY = 1.5
"""Seconds until a slow card decides."""

SLOW_DELAY = 2.0
_MAX_ATTEMPTS = 3
_RETRY_INTERVAL = 1.0

SendWebhook = Callable[[bytes], Awaitable[None]]
"""Signs a webhook and sends it to the gateway."""

log = logging.getLogger(__name__)


class SandboxProvider:
    """A `Provider`."""

    def __init__(
        self,
        charges: Collection[Charge],
        send: SendWebhook,
        *,
        now: Callable[[], float] = time.time,
        pending: float = PENDING_DELAY,
        slow: float = SLOW_DELAY,
    ) -> None:
        self._charges = charges
        self._send = send
        self._now = now
        self._pending = pending
        self._slow = slow
        self._callbacks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> SandboxProvider:
        return self

    async def __aexit__(self, *_: object) -> None:
        for callback in self._callbacks:
            callback.cancel()
        await asyncio.gather(*self._callbacks, return_exceptions=True)

    async def submit(self, operation: ProviderOperation) -> ProviderResult:
        """Perform an operation. Two state calls, for the provider's own record."""
        is_new = False

        def decide(known: Charge | None) -> Charge:
            nonlocal is_new
            is_new = known is None or known.operation(operation.key) is None
            return apply_operation(known, operation, self._now(), self._pending)

        if operation.card == SLOW:
            await asyncio.sleep(self._slow)
        expect_absent = operation.kind == "authorize"
        charge = (
            await self._charges.update(operation.charge, decide, expect_absent=expect_absent)
            or Charge()
        )
        done = charge.operation(operation.key)
        if done is None:
            raise OutcomeUnknown("The provider has lost its record.")
        if is_new:
            self._call_back(charge, operation, done)
            if charge.card == TIMEOUT_AFTER_SUCCESS:
                raise OutcomeUnknown("The payment provider does not answer.")
        return done.result(self._now())

    async def find(self, charge: str, key: str) -> ProviderResult | None:
        """Return the result of an operation. One state call."""
        known = await self._charges.get(charge)
        done = known.operation(key) if known else None
        return done.result(self._now()) if done else None

    # ── webhooks ────────────────────────────────────────────────────────────────────────────

    def _call_back(self, charge: Charge, asked: ProviderOperation, done: ChargeOperation) -> None:
        if charge.card in (PENDING, PENDING_DECLINED) and done.decided_at:
            self._start(self._send_callback(asked, done, self._pending))
        for _ in range(2 if charge.card == DUPLICATE_CALLBACK else 0):
            self._start(self._send_callback(asked, done, 0.0))

    def _start(self, callback: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(callback)
        self._callbacks.add(task)
        task.add_done_callback(self._callbacks.discard)

    async def _send_callback(
        self, asked: ProviderOperation, done: ChargeOperation, delay: float
    ) -> None:
        """Send a webhook, with a few attempts. Payments can also ask for the result."""
        await asyncio.sleep(delay)
        result = done.result(max(self._now(), done.decided_at))
        body = orjson.dumps(
            {
                "id": f"{asked.key}:{result.outcome}",
                "charge": asked.charge,
                "key": asked.key,
                "outcome": result.outcome,
                "reason": result.reason,
                "amount": asked.amount,
                "currency": asked.currency,
            }
        )
        for _ in range(_MAX_ATTEMPTS):
            try:
                await self._send(body)
            except ServiceError as error:
                log.info("a webhook was refused", extra={"why": error.message})
                await asyncio.sleep(_RETRY_INTERVAL)
            else:
                return
