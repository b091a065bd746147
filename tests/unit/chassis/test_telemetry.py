from __future__ import annotations

import asyncio
import logging

import orjson
import pytest

from services.chassis import telemetry
from services.chassis.telemetry import JsonFormatter

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_the_trace_of_a_caller_is_continued() -> None:
    trace = telemetry.start_trace(
        {"traceparent": PARENT, "tracestate": "a=b", "x-request-id": "r-1"}
    )
    assert trace.trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert telemetry.outgoing_headers() == {
        "traceparent": PARENT,
        "tracestate": "a=b",
        "x-request-id": "r-1",
    }
    assert telemetry.current() is trace


@pytest.mark.parametrize("bad", ["", "x", PARENT.upper(), PARENT + "\n", PARENT + "x", "00-1-2-3"])
async def test_an_invalid_trace_is_replaced(bad: str) -> None:
    trace = telemetry.start_trace({"traceparent": bad, "x-request-id": "bad id\n"})
    assert trace.traceparent != bad
    assert len(trace.traceparent) == len(PARENT)
    assert trace.request_id == trace.traceparent[3:19]


async def test_tasks_have_the_trace_of_the_task_that_created_them() -> None:
    async def inner() -> str:
        return telemetry.current().traceparent

    async def outer() -> tuple[str, str]:
        trace = telemetry.start_trace({})
        return trace.traceparent, await asyncio.create_task(inner())

    results = await asyncio.gather(outer(), outer())
    assert all(began == seen for began, seen in results)
    assert results[0] != results[1]


async def test_work_can_be_resumed_elsewhere() -> None:
    telemetry.start_trace({"traceparent": PARENT})
    trace = telemetry.capture()
    telemetry.resume(None)
    assert telemetry.outgoing_headers() == {}
    telemetry.resume(trace)
    assert telemetry.current().traceparent == PARENT


async def test_a_log_line_is_one_json_object_with_its_trace() -> None:
    telemetry.start_trace({"traceparent": PARENT, "x-request-id": "r-1"}).user_id = "7"
    error = ValueError("two\nlines")
    why = (type(error), error, None)
    record = logging.LogRecord("a.b", 30, "f", 1, "said %s", ("it",), why)
    record.extra_thing = {"n": 1}
    text = JsonFormatter("posts").format(record)
    assert "\n" not in text
    line = orjson.loads(text)
    assert line["service"] == "posts"
    assert line["level"] == "warning"
    assert line["message"] == "said it"
    assert line["trace_id"] == PARENT[3:35]
    assert (line["request_id"], line["user_id"]) == ("r-1", "7")
    assert line["extra_thing"] == {"n": 1}
    assert "ValueError" in line["exception"]
    assert line["time"].endswith("Z")
