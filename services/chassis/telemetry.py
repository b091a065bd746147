"""Trace context across all hops, and logs as one JSON object per line.

Dapr does not forward the trace of an inbound call to outbound ones by itself, so the current
`traceparent` is in a context variable that `DaprClient` and the outbox read.
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
    """The context of one unit of work: W3C trace context, request id, and the user it is for."""

    traceparent: str
    tracestate: str = ""
    request_id: str = ""
    user_id: str = ""

    @property
    def trace_id(self) -> str:
        return self.traceparent[3:35]


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def current() -> Trace:
    """The current trace; a new one for work that no request started."""
    trace = _current.get()
    if trace is None:
        trace = start_trace({})
    return trace


def capture() -> Trace | None:
    """The current trace, if there is one: for `resume` in another task."""
    return _current.get()


def resume(trace: Trace | None) -> None:
    """Continue a captured trace in this task."""
    _current.set(trace)


def start_trace(headers: Mapping[str, str]) -> Trace:
    """Continue the trace of these headers, or start a new one if they have no valid one."""
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
    """The headers that forward the current trace."""
    trace = _current.get()
    if trace is None:
        return {}
    headers = {"traceparent": trace.traceparent, "x-request-id": trace.request_id}
    if trace.tracestate:
        headers["tracestate"] = trace.tracestate
    return headers


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, service, message, trace, user, and any `extra`."""

    _STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

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
        line |= {key: value for key, value in vars(record).items() if key not in self._STANDARD}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def configure_logging(service: str, level: str) -> None:
    """Write the logs of this process to standard output as JSON lines."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(service))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.captureWarnings(capture=True)
