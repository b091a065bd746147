"""What tracing costs a service: processor time of a request, in one process.

    python -m bench.tracing_cost

The request passes the chassis as in a service: token, trace, route, an invocation, two reads and a
write of the state store, and its event is handled. The sidecar is replaced by ready answers, so
that its price is not part of the figure. Spans are recorded, encoded and then dropped. There is no
bound of traces a second, as there is in operation: that would only make it cheaper.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from rich.console import Console
from rich.table import Table

from services.chassis import tracing
from services.chassis.consuming.events import Event
from services.chassis.dapr.client import DaprClient
from services.chassis.dapr.transport import InvocationResponse
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.access_rules import ServiceAccess
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.contracts.events import EventType

REQUESTS = 3_000
ROUNDS = 7
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
    figures: dict[str, list[float]] = {mode: [] for mode in MODES}
    for number in range(ROUNDS + 1):
        for mode in MODES if number % 2 else reversed(MODES):
            with _tracing(mode):
                taken = await _turn(app, scope, event)
            if number:  # the first round warms up
                figures[mode].append(taken)
    return figures


async def _turn(app: Any, scope: Mapping[str, Any], handle: Any) -> float:
    gc.collect()
    began = time.process_time()
    for _ in range(REQUESTS):
        await _request(app, dict(scope))
        await handle()
    return (time.process_time() - began) / REQUESTS * 1e6


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


@contextmanager
def _tracing(mode: str) -> Iterator[None]:
    if mode == "off":
        yield
        return
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    from services.chassis.span_recorder import SpanRecorder

    class Encoder(SpanExporter):
        def export(self, spans: Any) -> SpanExportResult:
            encode_spans(spans).SerializeToString()
            return SpanExportResult.SUCCESS

    unbounded, bound = tracing.RateBound(10**9), tracing._spans
    processor = BatchSpanProcessor(Encoder(), max_queue_size=10**6, schedule_delay_millis=1_000)
    tracing.start(SpanRecorder("posts", processor), float(mode))
    tracing._spans, tracing._sampler._bound = unbounded, unbounded  # type: ignore[union-attr]
    try:
        yield
        processor.force_flush()
    finally:
        processor.shutdown()  # type: ignore[no-untyped-call]
        tracing.stop()
        tracing._spans = bound


def _table(figures: Mapping[str, list[float]]) -> Table:
    table = Table("tracing", "µs a request (median)", "lowest", "against off")
    off = statistics.median(figures["off"])
    for mode, taken in figures.items():
        median = statistics.median(taken)
        more = f"{(median / off - 1) * 100:+.1f} %"
        table.add_row(mode, f"{median:.0f}", f"{min(taken):.0f}", more)
    return table


if __name__ == "__main__":
    main()
