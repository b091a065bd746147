"""Trace context that crosses every hop, and logs as one JSON object a line.

Dapr does not carry a trace from an inbound call to an outbound one by itself, so the current
`traceparent` lives in a context variable that the sidecar client and the relay read.
"""

from __future__ import annotations

import logging
import re
import secrets
import sys
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass

import orjson

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(slots=True)
class Trace:
    """What one unit of work carries along: W3C trace context, request id, who it is done for."""

    traceparent: str
    tracestate: str = ""
    request_id: str = ""
    user_id: str = ""

    @property
    def trace_id(self) -> str:
        return self.traceparent[3:35]


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def current() -> Trace:
    """The trace of the work at hand; work that nobody asked for starts its own."""
    trace = _current.get()
    if trace is None:
        trace = start_trace({})
    return trace


def capture() -> Trace | None:
    """The trace of the work at hand, if there is one: for `resume` in another task."""
    return _current.get()


def resume(trace: Trace | None) -> None:
    """Go on with work that began elsewhere."""
    _current.set(trace)


def start_trace(headers: Mapping[str, str]) -> Trace:
    """Continue the caller's trace, or start one where its headers carry none that is valid."""
    traceparent = headers.get("traceparent", "")
    if not _TRACEPARENT.fullmatch(traceparent):
        traceparent = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    request_id = headers.get("x-request-id", "")
    if not _REQUEST_ID.fullmatch(request_id):
        request_id = traceparent[3:19]
    trace = Trace(traceparent, headers.get("tracestate", "")[:512], request_id)
    _current.set(trace)
    return trace


def outgoing_headers() -> dict[str, str]:
    """The headers that hand the current trace on."""
    trace = _current.get()
    if trace is None:
        return {}
    headers = {"traceparent": trace.traceparent, "x-request-id": trace.request_id}
    if trace.tracestate:
        headers["tracestate"] = trace.tracestate
    return headers


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, service, message, trace, user, and any `extra`."""

    _OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        trace = _current.get()
        line: dict[str, object] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if trace is not None:
            line |= {"trace_id": trace.trace_id, "request_id": trace.request_id}
            if trace.user_id:
                line["user_id"] = trace.user_id
        line |= {key: value for key, value in vars(record).items() if key not in self._OWN}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def configure_logging(service: str, level: str) -> None:
    """Send every logger of this process to standard output as JSON lines."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(service))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.captureWarnings(capture=True)
