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
from services.payments.domain.payments import Answer
from services.payments.provider.port import Operation
from services.payments.provider.record import (
    LATE,
    PENDING,
    PENDING_DECLINED,
    SLOW,
    TWICE,
    Charge,
    Deed,
    after,
)

PENDING_FOR = 1.5
"""Seconds until a card that is slow to decide does so."""

SLOW_FOR = 2.0
_TRIES = 3
_PAUSE = 1.0

Send = Callable[[bytes], Awaitable[None]]
"""Signs a webhook and brings it to the public door."""

log = logging.getLogger(__name__)


class BuiltInProvider:
    """A `Provider`."""

    def __init__(
        self,
        charges: Collection[Charge],
        send: Send,
        *,
        now: Callable[[], float] = time.time,
        pending: float = PENDING_FOR,
        slow: float = SLOW_FOR,
    ) -> None:
        self._charges = charges
        self._send = send
        self._now = now
        self._pending = pending
        self._slow = slow
        self._calling: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> BuiltInProvider:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for call in self._calling:
            call.cancel()
        await asyncio.gather(*self._calling, return_exceptions=True)

    async def submit(self, operation: Operation) -> Answer:
        """Have something done. Two state calls, in its own books."""
        is_new = False

        def decide(known: Charge | None) -> Charge:
            nonlocal is_new
            is_new = known is None or known.deed(operation.key) is None
            return after(known, operation, self._now(), self._pending)

        if operation.card == SLOW:
            await asyncio.sleep(self._slow)
        fresh = operation.kind == "authorize"
        charge = await self._charges.update(operation.charge, decide, fresh=fresh) or Charge()
        deed = charge.deed(operation.key)
        if deed is None:
            raise OutcomeUnknown("The provider has lost its record.")
        if is_new:
            self._call_back(charge, operation, deed)
            if charge.card == LATE:
                raise OutcomeUnknown("The provider does not answer.")
        return deed.answer(self._now())

    async def find(self, charge: str, key: str) -> Answer | None:
        """What became of an operation. One state call."""
        known = await self._charges.get(charge)
        deed = known.deed(key) if known else None
        return deed.answer(self._now()) if deed else None

    # ── webhooks ────────────────────────────────────────────────────────────────────────────

    def _call_back(self, charge: Charge, asked: Operation, deed: Deed) -> None:
        if charge.card in (PENDING, PENDING_DECLINED) and deed.decided_at:
            self._start(self._tell(asked, deed, self._pending))
        for _ in range(2 if charge.card == TWICE else 0):
            self._start(self._tell(asked, deed, 0.0))

    def _start(self, call: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(call)
        self._calling.add(task)
        task.add_done_callback(self._calling.discard)

    async def _tell(self, asked: Operation, deed: Deed, wait: float) -> None:
        """Call back, a few times; who does not hear of it can ask."""
        await asyncio.sleep(wait)
        answer = deed.answer(max(self._now(), deed.decided_at))
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
        for _ in range(_TRIES):
            try:
                await self._send(body)
            except ServiceError as failure:
                log.info("a webhook was not taken", extra={"why": failure.message})
                await asyncio.sleep(_PAUSE)
            else:
                return
