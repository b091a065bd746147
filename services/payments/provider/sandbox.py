"""The built-in provider, for which no money moves.

It behaves as one that is far away: it keeps its own record, is slow, answers too late, and calls
back twice, as its cards (`record.py`) tell it to. Only its documents lie in our state store.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
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
"""Seconds until a card that is slow to decide does so."""

SLOW_DELAY = 2.0
_MAX_ATTEMPTS = 3
_RETRY_INTERVAL = 1.0

SendWebhook = Callable[[bytes], Awaitable[None]]
"""Signs a webhook and brings it to the public door."""

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

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for call in self._callbacks:
            call.cancel()
        await asyncio.gather(*self._callbacks, return_exceptions=True)

    async def submit(self, operation: ProviderOperation) -> ProviderResult:
        """Have something done. Two state calls, in its own books."""
        is_new = False

        def decide(known: Charge | None) -> Charge:
            nonlocal is_new
            is_new = known is None or known.operation(operation.key) is None
            return apply_operation(known, operation, self._now(), self._pending)

        if operation.card == SLOW:
            await asyncio.sleep(self._slow)
        fresh = operation.kind == "authorize"
        charge = await self._charges.update(operation.charge, decide, fresh=fresh) or Charge()
        deed = charge.operation(operation.key)
        if deed is None:
            raise OutcomeUnknown("The provider has lost its record.")
        if is_new:
            self._call_back(charge, operation, deed)
            if charge.card == TIMEOUT_AFTER_SUCCESS:
                raise OutcomeUnknown("The provider does not answer.")
        return deed.result(self._now())

    async def find(self, charge: str, key: str) -> ProviderResult | None:
        """What became of an operation. One state call."""
        known = await self._charges.get(charge)
        deed = known.operation(key) if known else None
        return deed.result(self._now()) if deed else None

    # ── webhooks ────────────────────────────────────────────────────────────────────────────

    def _call_back(self, charge: Charge, asked: ProviderOperation, deed: ChargeOperation) -> None:
        if charge.card in (PENDING, PENDING_DECLINED) and deed.decided_at:
            self._start(self._send_callback(asked, deed, self._pending))
        for _ in range(2 if charge.card == DUPLICATE_CALLBACK else 0):
            self._start(self._send_callback(asked, deed, 0.0))

    def _start(self, call: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(call)
        self._callbacks.add(task)
        task.add_done_callback(self._callbacks.discard)

    async def _send_callback(
        self, asked: ProviderOperation, deed: ChargeOperation, wait: float
    ) -> None:
        """Call back, a few times; who does not hear of it can ask."""
        await asyncio.sleep(wait)
        answer = deed.result(max(self._now(), deed.decided_at))
        body = orjson.dumps(
            {
                "id": f"{asked.key}:{answer.outcome}",
                "charge": asked.charge,
                "key": asked.key,
                "outcome": answer.outcome,
                "reason": answer.reason,
                "amount": asked.amount,
                "currency": asked.currency,
            }
        )
        for _ in range(_MAX_ATTEMPTS):
            try:
                await self._send(body)
            except ServiceError as failure:
                log.info("a webhook was not taken", extra={"why": failure.message})
                await asyncio.sleep(_RETRY_INTERVAL)
            else:
                return
