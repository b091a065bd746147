"""Receives spans by OTLP/HTTP.

An answer of 200 means that the spans are stored. What arrives while too much is waiting is refused
with 503, and clients send it again: so a burst costs bounded memory, and the process answers on.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from tools.dashboard.collect.sidecar_spans import without_private_parts
from tools.dashboard.stores.spans import SpanRecord, SpanStore

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/x-protobuf"
MAX_BODY_BYTES = 4_000_000
"""Of one request, also after it is unpacked."""
MAX_WAITING_BYTES = 16_000_000
MAX_ATTRIBUTES = 64
MAX_EVENTS = 16
MAX_TEXT = 2_000
"""Characters of an attribute's value."""

_ROLES = ("internal", "internal", "server", "client", "producer", "consumer")
_ERROR = 2
_SIDECAR = ".daprd"
"""The end of the instance name of a sidecar."""


class OtlpReceiver:
    """Decodes and stores the spans of requests, one request after the other, in a thread."""

    def __init__(self, store: SpanStore) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, "spans")
        self._waiting = 0

    def close(self) -> None:
        """End the thread when what waits is stored."""
        self._thread.shutdown()

    async def receive(self, request: Request) -> Response:
        """Answer `POST /v1/traces`."""
        if request.headers.get("content-type", "").split(";")[0] != MEDIA_TYPE:
            return Response(status_code=415)
        encoding = request.headers.get("content-encoding", "identity")
        if encoding not in ("identity", "gzip"):
            return Response(status_code=415)
        body = await _read(request)
        if body is None:
            return Response(status_code=413)
        if self._waiting + len(body) > MAX_WAITING_BYTES:
            return Response(status_code=503, headers={"retry-after": "1"})
        self._waiting += len(body)
        try:
            loop = asyncio.get_running_loop()
            status = await loop.run_in_executor(self._thread, self._store_body, body, encoding)
        finally:
            self._waiting -= len(body)
        headers = {"retry-after": "1"} if status == 503 else {}
        return Response(status_code=status, media_type=MEDIA_TYPE, headers=headers)

    def _store_body(self, body: bytes, encoding: str) -> int:
        from google.protobuf.message import DecodeError

        try:
            spans = list(decode(_unpacked(body) if encoding == "gzip" else body))
        except (DecodeError, zlib.error, ValueError) as error:
            logger.warning("refused spans that cannot be read: %s", error)
            return 400
        try:
            self._store.add(spans)
        except sqlite3.Error as error:
            logger.warning("cannot store %d spans: %s", len(spans), error)
            return 503
        return 200


async def _read(request: Request) -> bytes | None:
    """Return the body, or None for one that is too long."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)


def _unpacked(body: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    unpacked = unpacker.decompress(body, MAX_BODY_BYTES)
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise ValueError("it is incomplete, or too long when unpacked")
    return unpacked


def decode(body: bytes) -> Iterator[SpanRecord]:
    """Yield the spans of an ExportTraceServiceRequest. Raises DecodeError."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    message = ExportTraceServiceRequest()
    message.ParseFromString(body)
    for resource in message.resource_spans:
        known = _attributes(resource.resource.attributes)
        service = str(known.get("service.name", "unknown"))[:100]
        instance = str(known.get("service.instance.id", service))[:100]
        for scope in resource.scope_spans:
            is_sidecar = instance.endswith(_SIDECAR) or scope.scope.name.startswith("dapr")
            kind = "sidecar" if is_sidecar else "service"
            yield from (_record(span, service, instance, kind) for span in scope.spans)


def _record(span: Span, service: str, instance: str, kind: str) -> SpanRecord:
    name, attributes = span.name, _attributes(span.attributes)
    if kind == "sidecar":
        name, attributes = without_private_parts(name, attributes)
    return SpanRecord(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        service=service,
        instance=instance,
        kind=kind,
        role=_ROLES[span.kind] if span.kind < len(_ROLES) else "internal",
        name=name[:200],
        destination=str(attributes.get("messaging.destination.name", ""))[:100],
        start_ns=span.start_time_unix_nano & _MAX_INTEGER,
        duration_ns=max(0, span.end_time_unix_nano - span.start_time_unix_nano) & _MAX_INTEGER,
        is_error=span.status.code == _ERROR,
        message=span.status.message[:MAX_TEXT],
        attributes=orjson.dumps(attributes).decode(),
        events=orjson.dumps(_events(span)).decode(),
    )


_MAX_INTEGER = 2**63 - 1


def _events(span: Span) -> list[dict[str, Any]]:
    """Return the events of a span, and its links to other spans as events named `link`."""
    linked = [
        {
            "name": "link",
            "after_ms": 0.0,
            "attributes": {"trace_id": link.trace_id.hex(), "span_id": link.span_id.hex()},
        }
        for link in span.links[:MAX_EVENTS]
    ]
    return linked + [
        {
            "name": event.name[:200],
            "after_ms": (event.time_unix_nano - span.start_time_unix_nano) / 1e6,
            "attributes": _attributes(event.attributes),
        }
        for event in span.events[:MAX_EVENTS]
    ]


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in pairs:
        if len(found) == MAX_ATTRIBUTES:
            break
        found[pair.key[:100]] = _value(pair.value)
    return found


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value[:MAX_TEXT]
    if kind in ("int_value", "double_value", "bool_value"):
        return getattr(value, kind)
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values[:MAX_ATTRIBUTES]]
    return None if kind is None else str(getattr(value, kind))[:MAX_TEXT]
