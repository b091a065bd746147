"""How long a post by the most-followed person takes into every follower's home.

Asking hundreds of homes takes longer than filling them, and takes the processor from what fills
them. So a few of them, spread over all, are asked again and again until they show the post; then
every other one is asked. The first gives the time at which the post was everywhere, as far as the
sample can tell; the second proves it, at the latest time it can have been.
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
    """One post. Seconds since its author began to send it."""

    acknowledged: float
    median: float
    """When half of the sample showed it."""
    sampled: float
    """When all of the sample showed it."""
    proven: float
    """When every follower's home had been asked and had shown it."""
    missing: int
    """How many homes never did."""


async def measure_fan_out(
    client: BenchClient, author: BenchPerson, followers: Sequence[BenchPerson], text: str
) -> tuple[str, FanOutResult]:
    """Post, and watch it arrive; returns the post's id too."""
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
    """When each home was first seen to have a post; those that never had it are left out."""
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
