"""The load generator process: reads cells from stdin, and writes their results to stdout.

Input and output are lines of JSON: first the scenario data, then cells.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import orjson
import uvloop

from bench.http_connection import RequestSource, ResponseStats, connect
from bench.scenarios import ScenarioData, ScenarioRequests

TIMEOUT = 15.0
"""Seconds after the end of a cell until the last response must arrive."""


async def measure(url: str, draw: RequestSource, in_flight: int, seconds: float) -> dict[str, Any]:
    """Keep a number of requests in flight for some seconds."""
    address = urlsplit(url)
    stats = ResponseStats()
    connections = await asyncio.gather(
        *(
            connect(address.hostname or "", address.port or 80, draw, stats, seconds)
            for _ in range(in_flight)
        )
    )
    began, used = time.perf_counter(), time.process_time()
    for connection in connections:
        connection.start()
    _, late = await asyncio.wait(
        [connection.done for connection in connections], timeout=seconds + TIMEOUT
    )
    for _ in late:
        stats.add_error(f"no answer within {TIMEOUT:.0f} s")
    return {
        "took": stats.took,
        "posted": stats.posted,
        "errors": stats.errors,
        "samples": stats.samples,
        "seconds": time.perf_counter() - began,
        "own_cpu": time.process_time() - used,
    }


def main() -> None:
    """Serve until stdin ends."""
    data = ScenarioData(**orjson.loads(sys.stdin.buffer.readline()))
    requests = ScenarioRequests(data)
    gc.freeze()
    for line in sys.stdin.buffer:
        cell = orjson.loads(line)
        draw = requests.draw(cell["kind"])
        answer = uvloop.run(measure(data.url, draw, cell["in_flight"], cell["seconds"]))
        _say(orjson.dumps(answer) + b"\n")


def _say(line: bytes) -> None:
    # A long write to a pipe can be cut short once uvloop has run here, and `sys.stdout` then loses
    # the rest of it.
    while line:
        line = line[os.write(1, line) :]


if __name__ == "__main__":
    main()
