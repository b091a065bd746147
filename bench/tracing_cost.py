"""What tracing costs a service: processor time of a request, in one process.

    python -m bench.tracing_cost

The request passes the chassis as in a service: token, trace, route, an invocation, two reads and a
write of the state store, and its event is handled. The sidecar is replaced by ready answers, so
that its price is not part of the figure. Spans are recorded, encoded and then dropped. There is no
bound of traces a second, as there is in operation: that would only make it cheaper.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from rich.console import Console
from rich.table import Table

from services.chassis import tracing
from services.chassis.consuming.events import Event
from services.chassis.dapr.client import DaprClient
from services.chassis.dapr.transport import InvocationResponse
from services.chassis.http.responses import OrjsonResponse
from services.chassis.sampling import RateBound
from services.chassis.security.access_rules import ServiceAccess
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.chassis.span_recorder import SpanRecorder
from services.contracts.events import EventType

REQUESTS = 20
"""Requests of one turn: so few that what else the machine does falls on all modes alike."""

ROUNDS = 500
WARM_UP = 50
EXPORT_EVERY = 50
"""Turns between two exports: a second or so in operation."""
MODES = ("off", "0", "0.01", "1")
_THING_CHANGED = EventType("thing.changed", "things", "posts", dict)


class _ReadyAnswers(DaprClient):
    """A sidecar that answers at once."""

    async def _call(self, method: str, path: str, **_: Any) -> InvocationResponse:
        await asyncio.sleep(0)
        return InvocationResponse(200, b'{"a": 1}', {"Etag": "1"})


def main() -> None:
    """Measure, and print a table."""
    Console().print(_table(asyncio.run(_measure())))


async def _measure() -> dict[str, list[float]]:
    """Microseconds of processor time a request, by mode: a figure for each round."""
    app, scope, event = _service()
    modes = {mode: _Mode(mode) for mode in MODES}
    for number in range(ROUNDS + WARM_UP):
        for mode in list(modes.values())[:: 1 if number % 2 else -1]:
            with mode.running():
                await mode.turn(app, scope, event)
    for mode in modes.values():
        mode.close()
    return {name: mode.figures[WARM_UP:] for name, mode in modes.items()}


class _Mode:
    """A way to run, and what it took in each turn."""

    def __init__(self, name: str) -> None:
        self._ratio = None if name == "off" else float(name)
        self.figures: list[float] = []
        self._processor = BatchSpanProcessor(_Encoder(), schedule_delay_millis=10**6)
        self._recorder = SpanRecorder("posts", self._processor)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run so."""
        bound = tracing._spans
        if self._ratio is not None:
            unbounded = RateBound(10**9)
            tracing.start(self._recorder, self._ratio)
            tracing._spans, tracing._sampler._bound = unbounded, unbounded  # type: ignore[union-attr]
        try:
            yield
        finally:
            tracing.stop()
            tracing._spans = bound

    async def turn(self, app: Any, scope: Mapping[str, Any], handle: Any) -> None:
        """Send some requests, and note the processor time of each."""
        began = time.process_time()
        for _ in range(REQUESTS):
            await _request(app, dict(scope))
            await handle()
        if self._ratio == 1 or (self._ratio and len(self.figures) % EXPORT_EVERY == 0):
            self._processor.force_flush()
        self.figures.append((time.process_time() - began) / REQUESTS * 1e6)

    def close(self) -> None:
        """End its thread."""
        self._processor.shutdown()  # type: ignore[no-untyped-call]


class _Encoder(SpanExporter):
    """Encodes spans, and drops them."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        encode_spans(spans).SerializeToString()
        return SpanExportResult.SUCCESS


async def _request(app: Any, scope: dict[str, Any]) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        assert message.get("status", 200) == 200, message  # noqa: S101

    await app(scope, receive, send)


def _service() -> tuple[Any, dict[str, Any], Any]:
    settings = Settings(app_id="posts", app_port=1, microgram_insecure=True)
    sidecar = _ReadyAnswers(1)
    service = Service(settings, sidecar)
    router = APIRouter()

    @router.get("/pages/{id}")
    async def page(id: str) -> Response:
        await sidecar.invoke("users", "/accounts")
        await sidecar.get(f"page:{id}")
        await sidecar.get(f"account:{id}")
        await sidecar.compare_and_set(f"page:{id}", {}, etag="1")
        return OrjsonResponse({"id": id})

    async def handled(event: Event[dict[str, Any]]) -> None:
        await sidecar.get(f"card:{event.subject}")

    service.on(_THING_CHANGED, handled)
    topics, component = frozenset({"things"}), frozenset({"pubsub"})
    access = ServiceAccess("posts", is_public=True, subscribes=topics, components=component)
    app = service.create_app(router, access=access)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/pages/1",
        "raw_path": b"/pages/1",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"x")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    return app, scope, _handler(service)


def _handler(service: Service) -> Any:
    event = {
        "id": "1",
        "type": "thing.changed",
        "source": "posts",
        "subject": "1",
        "stream": "s",
        "sequence": 1,
        "entityversion": 1,
        "data": {},
    }

    async def handle() -> None:
        cause = f"00-{'ab' * 16}-{'cd' * 8}-0{int(tracing.sample())}"
        await service.inbox.receive_event("things", event | {"traceparent": cause})

    return handle


def _table(figures: Mapping[str, list[float]]) -> Table:
    table = Table("tracing", "µs of processor a request", "more")
    off = statistics.mean(figures["off"])
    for mode, taken in figures.items():
        mean = statistics.mean(taken)
        table.add_row(mode, f"{mean:.0f}", f"{(mean / off - 1) * 100:+.1f} %")
    return table


if __name__ == "__main__":
    main()
