"""A receiver of spans: OTLP over HTTP, in a thread of the test."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class ReceivedSpan:
    """One span, with the resource that it is of."""

    service: str
    instance: str
    scope: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    has_error: bool


class SpanSink:
    """Keeps all spans that come with its token."""

    def __init__(self, port: int, token: str) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        self.token = token
        self.refused = 0
        self.requests = 0
        self._spans: list[ReceivedSpan] = []
        self._lock = threading.Lock()

    def spans(self, trace_id: str = "") -> list[ReceivedSpan]:
        """All spans, or those of the trace whose id begins so."""
        with self._lock:
            return [each for each in self._spans if each.trace_id.startswith(trace_id)]

    def receive(self, body: bytes, authorization: str) -> int:
        """Take one export; return the status of the answer."""
        with self._lock:
            self.requests += 1
            if authorization != f"Bearer {self.token}":
                self.refused += 1
                return 401
            self._spans += _spans_of(body)
            return 200


@contextmanager
def otlp_receiver(bearer: str = "a token") -> Iterator[SpanSink]:
    """Run a receiver on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            status = 404
            if self.path == "/v1/traces":
                status = receiver.receive(body, self.headers.get("authorization", ""))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver = SpanSink(server.server_address[1], bearer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _spans_of(body: bytes) -> list[ReceivedSpan]:
    request = ExportTraceServiceRequest.FromString(body)
    return [
        _received(_attributes(resource.resource.attributes), scope.scope.name, span)
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _received(of: dict[str, Any], scope: str, span: Any) -> ReceivedSpan:
    return ReceivedSpan(
        service=of.get("service.name", ""),
        instance=of.get("service.instance.id", ""),
        scope=scope,
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        attributes=_attributes(span.attributes),
        has_error=span.status.code == 2,
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
