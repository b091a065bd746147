"""The load generator: a process of its own that is told what to ask, and says what came of it.

A line of JSON comes in, a line of JSON goes out: first the stage, then cells.
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

from bench.kinds import Deck, Stage
from bench.lane import Draw, Tally, connect

PATIENCE = 15.0
"""Seconds after the end of a cell for which an answer is still awaited."""


async def measure(url: str, draw: Draw, in_flight: int, seconds: float) -> dict[str, Any]:
    """Keep so many requests in flight for some seconds."""
    address = urlsplit(url)
    tally = Tally()
    lanes = await asyncio.gather(
        *(
            connect(address.hostname or "", address.port or 80, draw, tally, seconds)
            for _ in range(in_flight)
        )
    )
    began, used = time.perf_counter(), time.process_time()
    for lane in lanes:
        lane.start()
    _, late = await asyncio.wait([lane.done for lane in lanes], timeout=seconds + PATIENCE)
    for _ in late:
        tally.fail(f"no answer within {PATIENCE:.0f} s")
    return {
        "took": tally.took,
        "posted": tally.posted,
        "errors": tally.errors,
        "samples": tally.samples,
        "seconds": time.perf_counter() - began,
        "own_cpu": time.process_time() - used,
    }


def main() -> None:
    """Serve until standard input ends."""
    stage = Stage(**orjson.loads(sys.stdin.buffer.readline()))
    deck = Deck(stage)
    gc.freeze()
    for line in sys.stdin.buffer:
        cell = orjson.loads(line)
        draw = deck.draw(cell["kind"])
        answer = uvloop.run(measure(stage.url, draw, cell["in_flight"], cell["seconds"]))
        _say(orjson.dumps(answer) + b"\n")


def _say(line: bytes) -> None:
    # A long write to a pipe can be cut short once uvloop has run here, and `sys.stdout` then loses
    # the rest of it.
    while line:
        line = line[os.write(1, line) :]


if __name__ == "__main__":
    main()
