"""The verb `traces`: lists traces, or shows one as a tree."""

import asyncio
import dataclasses
import json
import os
from datetime import datetime

from tools.dashboard.queries.traces import (
    TraceFilter,
    TraceSummary,
    TraceTree,
    find_trace,
    find_traces,
    follow_traces,
)
from tools.dashboard.sources import Sources
from tools.runner.config.paths import RunDir
from tools.runner.errors import RunnerError

_WIDTH = 70


def list_traces(run: RunDir, wanted: TraceFilter, *, follow: bool, as_json: bool) -> int:
    """Print the newest traces that match, oldest first; and then new ones if they are followed."""
    sources = Sources.of_run(run)
    if follow:
        asyncio.run(_follow(sources, wanted, as_json=as_json))
        return 0
    found = find_traces(sources, wanted)
    for summary in reversed(found):
        _print_summary(summary, as_json=as_json)
    if not found and not as_json:
        print("no traces (tracing is on while the dashboard runs: see docs/observability.md)")
    return 0


async def _follow(sources: Sources, wanted: TraceFilter, *, as_json: bool) -> None:
    async for summary in follow_traces(sources, wanted):
        _print_summary(summary, as_json=as_json)


def _print_summary(summary: TraceSummary, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(dataclasses.asdict(summary)), flush=True)
        return
    at = datetime.fromtimestamp(summary.at).astimezone().strftime("%H:%M:%S")
    errors = f"{summary.errors} errors" if summary.errors else ""
    print(
        f"{at}  {summary.trace_id}  {summary.duration_ms:9.1f} ms  {summary.spans:4} spans  "
        f"{errors:10}  {summary.service}: {summary.name}",
        flush=True,
    )


def show_trace(run: RunDir, trace_id: str, *, as_json: bool) -> int:
    """Print one trace. Raises RunnerError if it is not known."""
    found = find_trace(Sources.of_run(run), trace_id.lower())
    if found is None:
        raise RunnerError(f"no trace {trace_id} is known: old ones are deleted for new ones")
    if as_json:
        print(json.dumps(dataclasses.asdict(found), default=str, indent=2))
    else:
        _print_tree(found)
        elsewhere = "" if run.is_default else f" --run-dir {os.path.relpath(run.path)}"
        print(f"its logs: ./tye-like-run.sh logs --trace {found.summary.trace_id}{elsewhere}")
    return 0


def _print_tree(trace: TraceTree) -> None:
    print(f"{'':{_WIDTH}}  {'start':>10}  {'duration':>10}  {'self':>10}  (ms)")
    for span in trace.spans:
        kind = f" ({span.instance})" if span.kind == "sidecar" else ""
        text = f"{'  ' * span.depth}{span.service}{kind}: {span.name}"
        figures = f"{span.start_ms:10.1f}  {span.duration_ms:10.1f}  {span.self_ms:10.1f}"
        error = f"  ERROR {span.message}".rstrip() if span.is_error else ""
        print(f"{text[:_WIDTH]:{_WIDTH}}  {figures}{error}")
    if not trace.is_complete:
        print("more spans are not shown")
