"""Joins requests that wait at the same time into one call, as a database joins commits."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from services.chassis import telemetry, tracing

A = TypeVar("A")

MAX_CALLS = 2
"""Calls of one kind in flight, if not said otherwise. What comes meanwhile waits, and shares the
next call. A call that takes longer than the `patience` of its kind no longer counts."""

MAX_REQUESTS = 50
MAX_GROUP_BYTES = 2**19
"""Bounds of one call."""

LONE_TIME = 10.0
"""Seconds after which no more requests of a failed group are tried alone. That is a little longer
than one commit may take, and a broker waits longer than that for all of it."""


@dataclass(frozen=True, slots=True)
class Request(Generic[A]):
    """A request that waits for its result. `size` is in bytes, or in what its group is bounded by.

    `trace` is the trace of who asked.
    """

    asked: A
    size: int
    result: asyncio.Future[Any]
    trace: telemetry.Trace | None = None
    span: tracing.Span | None = None

    def succeed(self, value: Any) -> None:
        """Return a value to the caller."""
        if not self.result.done():
            self.result.set_result(value)

    def fail(self, error: BaseException) -> None:
        """Raise an exception in the caller."""
        if not self.result.done():
            self.result.set_exception(error)


class CallGroups(Generic[A]):
    """Requests of one kind, and the calls that answer them.

    What is asked in one turn of the event loop shares a call, and what is asked in as many
    `extra_turns` after it. No request waits longer while fewer than `max_calls` are in flight.
    `run` must answer every request of a group; if it raises, they all fail. A group has at most
    `MAX_REQUESTS`, and a size of at most `max_size` unless it is one request. After `patience`
    seconds the next group no longer waits for it. Each request has a span of a `kind`, which
    `describe` describes. The call belongs to the first that is traced, to which the spans of the
    others are linked.
    """

    def __init__(
        self,
        run: Callable[[list[Request[A]]], Awaitable[None]],
        describe: Callable[[tracing.Span, A], None],
        max_calls: int = MAX_CALLS,
        kind: int = tracing.CLIENT,
        patience: float | None = None,
        max_size: int = MAX_GROUP_BYTES,
        extra_turns: int = 0,
    ) -> None:
        self._extra_turns = extra_turns
        self._max_size = max_size
        self._kind = kind
        self._patience = patience
        self._run = run
        self._describe = describe
        self._max_calls = max_calls
        self._waiting: deque[Request[A]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._calls = 0

    async def submit(self, asked: A, size: int = 0) -> Any:
        """Wait for the result of a request."""
        span = tracing.span(self._kind)
        if isinstance(span, tracing.Span):
            self._describe(span, asked)
            with span:
                return await self._enqueue(asked, size, span)
        return await self._enqueue(asked, size, None)

    def _enqueue(self, asked: A, size: int, span: tracing.Span | None) -> asyncio.Future[Any]:
        result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(Request(asked, size, result, telemetry.capture(), span))
        if len(self._waiting) == 1 and self._calls < self._max_calls:
            # A task starts in the next turn of the loop: what is asked in this one shares the call.
            self._calls += 1
            self._start(self._work())
        return result

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _work(self) -> None:
        try:
            for _ in range(self._extra_turns):
                await asyncio.sleep(0)
            while self._waiting:
                answer = self._answer(self._next_group())
                if self._patience is None:
                    await answer
                else:
                    await asyncio.wait({self._start(answer)}, timeout=self._patience)
        finally:
            # Here and not when the task is done, or what is asked in between would wait for ever.
            self._calls -= 1

    async def _answer(self, group: list[Request[A]]) -> None:
        _resume(group)
        try:
            await self._run(group)
        except Exception as error:
            for request in group:
                request.fail(error)
        except BaseException:
            for request in group:
                request.result.cancel()
            raise

    def _next_group(self) -> list[Request[A]]:
        group: list[Request[A]] = []
        size = 0
        while self._waiting and len(group) < MAX_REQUESTS:
            size += self._waiting[0].size
            if group and size > self._max_size:
                break
            group.append(self._waiting.popleft())
        return group


async def answer_together(
    group: list[Request[A]], run: Callable[[list[Request[A]]], Awaitable[None]]
) -> None:
    """Answer the requests of a group, which have no result but that they are done, by one `run`.

    If that fails, each is tried alone, so that what cannot be read, or keeps changing, stops only
    who needs it. A store that does not answer at all is not waited for once for each of them: what
    is not tried after `LONE_TIME` fails as the group did.
    """
    try:
        await run(group)
    except Exception as error:
        if len(group) == 1:
            raise
        await _answer_each(group, run, error)
        return
    for each in group:
        each.succeed(None)


async def _answer_each(
    group: list[Request[A]], run: Callable[[list[Request[A]]], Awaitable[None]], reason: Exception
) -> None:
    end = time.monotonic() + LONE_TIME
    for request in group:
        if time.monotonic() >= end:
            request.fail(reason)
            continue
        try:
            await run([request])
        except Exception as error:
            request.fail(error)
        else:
            request.succeed(None)


def _resume(group: Sequence[Request[Any]]) -> None:
    """Let the call belong to the first request that is traced, else to the first."""
    first = group[0]
    if len(group) > 1 and tracing.is_on():
        first = next((request for request in group if request.span), first)
        for other in group:
            if other.span and first.trace and other is not first:
                other.span.link(first.trace)
    telemetry.resume(first.trace)
