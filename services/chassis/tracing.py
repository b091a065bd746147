"""Spans of sampled traces, and the decision which traces are sampled.

    with tracing.span(tracing.CLIENT) as span:
        if span:
            span.describe("get post", {"db.operation.name": "get"})
        ...

That is decided once, where a trace begins: at the gateway (`sample`) and in background work
(`work`). All others follow the sampled flag of `traceparent`. Without a sampled trace `span` gives
`NO_SPAN`, which is false and does nothing. While tracing is off, nothing of OpenTelemetry is
imported. Spans carry no personal data: no bodies, queries, tokens, names or texts of errors.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from services.chassis import telemetry
from services.chassis.sampling import RateBound, Sampler
from services.chassis.telemetry import Trace

if TYPE_CHECKING:
    from services.chassis.span_recorder import SpanRecorder

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = range(5)
"""Kinds of spans, by the numbers of OpenTelemetry."""

MAX_SPANS_PER_SECOND = 1_000
"""Spans of a process. What is above that is missing in its trace."""

MAX_CAUSES = 16
"""Spans, or links, of one message or call that has many causes."""

Attributes = Mapping[str, str | int | bool]


class _NoSpan:
    """What `span` gives while nothing is recorded. It is false."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def describe(self, name: str, attributes: Attributes) -> None:
        """Do nothing."""

    def link(self, trace: Trace) -> None:
        """Do nothing."""


NO_SPAN = _NoSpan()


class Span:
    """A span of a sampled trace. As a context manager it is the parent of what happens within.

    An exception makes it one with an error, of the type of the exception.
    """

    __slots__ = ("_outer", "_recorded", "trace")

    def __init__(self, recorded: Any, trace: Trace) -> None:
        self._recorded = recorded
        self._outer: Trace | None = None
        self.trace = trace

    def __enter__(self) -> Self:
        self._outer = telemetry.capture()
        telemetry.resume(self.trace)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if kind is not None:
            self.fail(kind.__name__)
        self.end()
        telemetry.resume(self._outer)

    def describe(self, name: str, attributes: Attributes) -> None:
        """Name it, and add attributes."""
        self._recorded.update_name(name)
        self._recorded.set_attributes(attributes)

    def set(self, attribute: str, value: str | int | bool) -> None:
        """Add an attribute."""
        self._recorded.set_attribute(attribute, value)

    def link(self, trace: Trace) -> None:
        """Say that another span has to do with this one."""
        if _recorder is not None:
            self._recorded.add_link(_recorder.context_of(trace))

    def fail(self, kind: str) -> None:
        """Give it an error, by its type."""
        if _recorder is not None:
            _recorder.fail(self._recorded, kind)

    def end(self) -> None:
        """End it, unless it has ended before."""
        if self._recorded.is_recording():
            self._recorded.end()


_sampler: Sampler | None = None
_recorder: SpanRecorder | None = None
_spans = RateBound(MAX_SPANS_PER_SECOND)


def start(recorder: SpanRecorder, ratio: float) -> None:
    """Record spans from now on, and sample this share of new traces."""
    global _sampler, _recorder
    _recorder, _sampler = recorder, Sampler(ratio)


def stop() -> None:
    """Record nothing any more."""
    global _sampler, _recorder
    _recorder = _sampler = None


def recorder() -> SpanRecorder | None:
    """What records spans, if anything does."""
    return _recorder


def is_on() -> bool:
    """Whether sampled traces are recorded."""
    return _recorder is not None


def sample() -> bool:
    """Whether a trace that begins now is sampled."""
    return _sampler is not None and _sampler.sample()


def span(kind: int = INTERNAL, *, began_at: int | None = None) -> Span | _NoSpan:
    """A span of the current trace; `NO_SPAN` if that is not sampled. Describe it at once.

    `began_at` is in nanoseconds since the epoch, by default now.
    """
    if _recorder is None:
        return NO_SPAN
    trace = telemetry.capture()
    if trace is None or not trace.is_sampled:
        return NO_SPAN
    return span_of(trace, kind, began_at=began_at)


def span_of(trace: Trace, kind: int, *, began_at: int | None = None) -> Span | _NoSpan:
    """A span of a trace that need not be the current one."""
    if _recorder is None or not trace.is_sampled or not _spans.admit():
        return NO_SPAN
    recorded = _recorder.start(trace, kind, began_at)
    if trace.is_new:  # its root: it has the ids that the trace has already
        trace.is_new = False
        return Span(recorded, trace)
    traceparent = _recorder.traceparent(recorded)
    own = Trace(traceparent, trace.tracestate, trace.request_id, trace.user_id)
    return Span(recorded, own)


class SpanGroup:
    """One span for each sampled trace that caused something shared; the first is the parent.

    As many as `MAX_CAUSES`. An error of the shared thing is one of all of them.
    """

    def __init__(
        self, traceparents: Iterable[str], kind: int, name: str, attributes: Attributes
    ) -> None:
        self._spans: list[Span] = []
        for traceparent in dict.fromkeys(traceparents) if _recorder is not None else ():
            trace = telemetry.sampled_trace(traceparent)
            each = span_of(trace, kind) if trace else NO_SPAN
            if isinstance(each, Span):
                each.describe(name, attributes)
                self._spans.append(each)
            if len(self._spans) == MAX_CAUSES:
                break

    def __enter__(self) -> Self:
        telemetry.resume(self._spans[0].trace if self._spans else None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        telemetry.resume(None)
        for each in self._spans:
            if kind is not None:
                each.fail(kind.__name__)
            each.end()


class _Work:
    """Background work that gets a trace once it changes something; see `work`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._began_at = time.time_ns()
        self._span: Span | _NoSpan = NO_SPAN
        self._trace = telemetry.start_trace({})
        self._trace.on_effect = self._decide

    def _decide(self) -> None:
        self._trace.on_effect = None
        if sample():
            self._trace.traceparent = f"{self._trace.traceparent[:-2]}01"
            self._span = span_of(self._trace, INTERNAL, began_at=self._began_at)
            self._span.describe(f"work {self._name}", {"microgram.work": self._name})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if isinstance(self._span, Span):
            if kind is not None:
                self._span.fail(kind.__name__)
            self._span.end()
        telemetry.resume(None)


def work(name: str) -> _Work | _NoSpan:
    """A trace for a run of background work, if it changes something: a poll at rest has none.

    Spans begin with the first effect; the root span has the time of the whole run.
    """
    return NO_SPAN if _recorder is None else _Work(name)


def note_effect() -> None:
    """Say that what runs now changes something: a document with events, or another service."""
    if _recorder is None:
        return
    trace = telemetry.capture()
    if trace is not None and trace.on_effect is not None:
        trace.on_effect()
