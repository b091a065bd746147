"""The time that a post takes into every follower's home timeline.

Requesting hundreds of home timelines takes longer than filling them, and slows the fan-out down. So
a sample is polled until it shows the post. Then every other home timeline is requested. The sample
estimates the time of arrival; the full check proves it, and gives an upper bound.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.api_client import BenchClient, BenchPerson

SAMPLE_SIZE = 12
_ASKING, _PROVING = 2, 12
_TIMEOUT = 60.0


@dataclass(frozen=True)
class FanOutResult:
    """One post. Seconds since the start of sending it."""

    acknowledged: float
    median: float
    """Until half of the sample showed it."""
    sampled: float
    """Until all of the sample showed it."""
    proven: float
    """Until every follower's home timeline had been requested and showed it."""
    missing: int
    """The number of home timelines that never did."""


async def measure_fan_out(
    client: BenchClient, author: BenchPerson, followers: Sequence[BenchPerson], text: str
) -> tuple[str, FanOutResult]:
    """Publish a post and watch it arrive; return its id, too."""
    shuffled = list(followers)
    random.Random(text).shuffle(shuffled)
    sample, rest = shuffled[:SAMPLE_SIZE], shuffled[SAMPLE_SIZE:]
    began = time.perf_counter()
    id = await client.post(author, text)
    acknowledged = time.perf_counter() - began
    seen = await _watch(client, sample, id, _ASKING)
    proof = await _watch(client, rest, id, _PROVING)
    times = sorted(at - began for at in seen)
    proven = max((at - began for at in (*seen, *proof)), default=acknowledged)
    missing = len(followers) - len(seen) - len(proof)
    half = times[len(times) // 2] if times else proven
    return id, FanOutResult(acknowledged, half, times[-1] if times else proven, proven, missing)


async def _watch(
    client: BenchClient, people: Sequence[BenchPerson], id: str, at_once: int
) -> list[float]:
    """Return when each home timeline first showed a post, without those that never did."""
    waiting: asyncio.Queue[BenchPerson] = asyncio.Queue()
    for person in people:
        waiting.put_nowait(person)
    seen: list[float] = []
    deadline = time.perf_counter() + _TIMEOUT

    async def ask() -> None:
        while not waiting.empty() and time.perf_counter() < deadline:
            person = waiting.get_nowait()
            if id in await client.home(person, 1):
                seen.append(time.perf_counter())
            else:
                waiting.put_nowait(person)

    await asyncio.gather(*(ask() for _ in range(at_once)))
    return seen
