"""The answers about a trace, held to the trace itself."""

from __future__ import annotations

import asyncio

from tools.dashboard.queries.traces import TraceFilter, TraceTree, find_traces, read_trace
from tools.dashboard.sources import Sources
from tools.learn.questions import require_answers
from tools.learn.report import Work
from tools.learn.system import LearnerSystem
from tools.runner.config.paths import RunDir

NEWEST = "newest"
WRITES = ("compare_and_set", "transact")
"""The names of spans of a service that writes."""

ATTEMPTS = 40
"""Sidecars send their spans every five seconds: looks at the trace, half a second apart."""


async def check(work: Work) -> None:
    """Check answers.yaml."""
    system = LearnerSystem.of(work)
    answers = work.answers()
    answer = answers.get("the trace", "")
    trace = await _trace_of(system, answer)
    work.require(
        "the trace is that of a post",
        trace is not None and "statuses" in trace.summary.name,
        expected="a trace that begins with POST /api/v1/statuses, and has reached comments",
        seen=_seen(answer, trace),
        look="the page says how to send a post; `learn hint` how to list traces",
    )
    assert trace is not None  # noqa: S101 (for mypy)
    look = f"./tye-like-run.sh traces --run-dir .run/learn {trace.summary.trace_id}"
    require_answers(work, _facts(trace), lambda *_: look)


def _seen(answer: str, trace: TraceTree | None) -> str:
    if not answer:
        return "no answer yet"
    return f"one of {trace.summary.name}" if trace else "no such trace"


async def _trace_of(system: LearnerSystem, id: str) -> TraceTree | None:
    sources = Sources.of_run(RunDir(system.folder))
    for _ in range(ATTEMPTS if id else 1):
        wanted = id if id != NEWEST else _newest(sources)
        found = await read_trace(sources, wanted) if wanted else None
        if found and _has_all(found):
            return found
        await asyncio.sleep(0.5)
    return found


def _has_all(trace: TraceTree) -> bool:
    """Whether the spans are there that the questions are about. Processes send theirs apart."""
    names = [span.name for span in trace.spans]
    parts = (("publish",), WRITES)
    has_parts = all(any(name.startswith(part) for name in names) for part in parts)
    return has_parts and "comments" in trace.summary.services


def _newest(sources: Sources) -> str:
    found = find_traces(sources, TraceFilter(text="statuses"))
    return next((each.trace_id for each in found if each.name.startswith("POST ")), "")


def _facts(trace: TraceTree) -> dict[str, str]:
    """What the trace says, by question."""
    first = trace.spans[0]
    consumer = next(span for span in trace.spans if span.service == "comments")
    published_at = min(span.start_ms for span in trace.spans if span.name.startswith("publish"))
    return {
        "where it begins": first.service,
        "who stores the post": _storing(trace),
        "who hears of it by an event": consumer.service,
        "when the event is handled": "b" if consumer.start_ms > published_at else "a",
    }


def _storing(trace: TraceTree) -> str:
    return next(span.service for span in trace.spans if span.name.startswith(WRITES))
