"""What metrics cost a service, in processor time: `python -m bench.metrics_cost`.

Each figure is the best of some rounds in this process: what others do on the machine disturbs it
least.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from services.chassis.dapr.client import DaprClient
from services.chassis.dapr.transport import InvocationResponse
from services.chassis.http.request_metrics import RequestMetricsMiddleware
from services.chassis.metrics import Metrics, RequestRecord

_CALLS = 20_000
_ROUNDS = 7
_ROUTES = 60
_HOME = "/api/v1/timelines/home"


async def _app(scope: Scope, _: Receive, send: Send) -> None:
    if record := scope.get(RequestRecord.KEY):
        record.route = _HOME
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


class _UnmeasuredClient(DaprClient):
    """Answers at once, so that only what is around a call takes time."""

    async def _exchange(self, *_: Any, **__: Any) -> InvocationResponse:
        return InvocationResponse(200, b"", {})


async def _send(_: Message) -> None:
    return


async def _receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _best(call: Callable[[], Awaitable[object]]) -> float:
    """The processor microseconds of a call, in the best round."""
    rounds = []
    for _ in range(_ROUNDS):
        began = time.process_time()
        for _ in range(_CALLS):
            await call()
        rounds.append((time.process_time() - began) / _CALLS * 1e6)
    return min(rounds)


async def request_cost() -> float:
    """Microseconds that measuring a request adds to it."""
    measured = RequestMetricsMiddleware(_app, Metrics())

    def scope() -> Scope:
        return {"type": "http", "method": "GET", "path": _HOME}

    with_it = await _best(lambda: measured(scope(), _receive, _send))
    return with_it - await _best(lambda: _app(scope(), _receive, _send))


async def sidecar_call_cost() -> float:
    """Microseconds that measuring a call of the sidecar adds to it."""
    client, path = _UnmeasuredClient(0), "/state/statestore/bulk"
    with_it = await _best(lambda: client._call("POST", path, deadline=1.0))
    return with_it - await _best(lambda: client._exchange("POST", path, deadline=1.0))


def scrape_cost() -> tuple[float, int]:
    """Milliseconds of a scrape, and its lines: of a gateway whose clients use 60 routes."""
    metrics = Metrics()
    for number in range(_ROUTES):
        for status in ("2xx", "4xx"):
            metrics.request_duration["GET", f"/api/v1/{number}/{{id}}", status].observe(0.01)
    rounds = []
    for _ in range(_ROUNDS):
        began = time.process_time()
        text = metrics.text()
        rounds.append((time.process_time() - began) * 1e3)
    return min(rounds), text.count(b"\n")


def main() -> int:
    """Print the three figures."""
    print(f"a request costs {asyncio.run(request_cost()):.1f} µs more")
    print(f"a call of the sidecar costs {asyncio.run(sidecar_call_cost()):.1f} µs more")
    milliseconds, lines = scrape_cost()
    print(f"a scrape of {lines} lines takes {milliseconds:.1f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
