"""Trace context across all hops, and logs as one JSON object per line.

Dapr does not forward the trace of an inbound call to outbound ones by itself, so the current
`traceparent` is in a context variable that `DaprClient` and the outbox read. Every request has one,
for logs; its last digits say whether the trace is sampled. Spans are in `tracing.py`.
"""

from __future__ import annotations

import logging
import re
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass

import orjson

_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)
_ODD = "13579bdf"
"""The last digit of the flags of a sampled trace."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(slots=True)
class Trace:
    """The context of one unit of work: W3C trace context, request id, and the user it is for."""

    traceparent: str
    tracestate: str = ""
    request_id: str = ""
    user_id: str = ""
    is_new: bool = False
    """Whether it has no span yet: the first one is its root."""
    on_effect: Callable[[], None] | None = None
    """For work that may turn out to do nothing: called when it does something (`tracing.work`)."""

    @property
    def trace_id(self) -> str:
        return self.traceparent[3:35]

    @property
    def span_id(self) -> str:
        return self.traceparent[36:52]

    @property
    def is_sampled(self) -> bool:
        return self.traceparent[-1] in _ODD


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


def start_trace(headers: Mapping[str, str], *, sample: bool = False) -> Trace:
    """Continue the trace of these headers, or start a new one if they have no valid one.

    A new one is sampled only on request; one that is continued is as its beginning decided.
    """
    traceparent = headers.get("traceparent", "")
    is_new = not _TRACEPARENT.fullmatch(traceparent)
    if is_new:
        flags = "01" if sample else "00"
        traceparent = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-{flags}"
    request_id = headers.get("x-request-id", "")
    if not _REQUEST_ID.fullmatch(request_id):
        request_id = traceparent[3:19]
    trace = Trace(traceparent, headers.get("tracestate", "")[:512], request_id, is_new=is_new)
    _current.set(trace)
    return trace


def sampled_trace(traceparent: str) -> Trace | None:
    """The trace that a `traceparent` names, if it is valid and sampled."""
    if not _TRACEPARENT.fullmatch(traceparent) or traceparent[-1] not in _ODD:
        return None
    return Trace(traceparent)


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
