"""Likes by many at once, on two replicas, and beside a writer that never rests."""

from __future__ import annotations

import asyncio
from typing import Any

from services.chassis.dapr.state import VersionConflict
from services.chassis.errors import Unavailable
from tests.fakes import Call, FakeState
from tools.learn.report import Work

PEOPLE = 20


async def check(work: Work) -> None:
    """Check `like` of likes.py."""
    like = work.module("likes").like
    store = FakeState()
    counts = [await like(store, "1") for _ in range(3)]
    work.require(
        "likes one after another are counted",
        counts == [1, 2, 3],
        expected="1, 2 and 3",
        seen=", ".join(map(str, counts)),
        look="likes.py, what `like` returns",
    )
    replicas = [store.replica(), store.replica()]
    await asyncio.gather(*(like(replicas[n % 2], "2") for n in range(PEOPLE)))
    kept = store.peek("likes:2")
    work.require(
        "no acknowledged like is lost, however many people like at once",
        kept == PEOPLE,
        expected=f"{PEOPLE} likes after {PEOPLE} people liked at once",
        seen=f"{kept} in the store",
        look="likes.py: between `get` and `set` another request may write. What does `set` check?",
    )
    await _require_notice(work, like)
    await _require_bound(work)


async def _require_notice(work: Work, like: Any) -> None:
    """Let another process write once between the first read and the write after it."""
    store = FakeState()
    other, has_written = store.replica(), False

    async def write_meanwhile(call: Call) -> None:
        nonlocal has_written
        if call.name in ("get", "get_many") and not has_written:
            has_written = True
            await other.set("likes:4", 7)

    store.faults.after.append(write_meanwhile)
    await like(store, "4")
    work.require(
        "a write of another process in between is noticed",
        store.peek("likes:4") == 8,
        expected="8 likes after one more than the 7 of another process",
        seen=f"{store.peek('likes:4')} in the store",
        look="likes.py: a lock in this process does not stop another one",
    )


async def _require_bound(work: Work) -> None:
    like = work.module("likes").like
    store = FakeState()
    store.faults.fail("compare_and_set", times=1_000_000, error=VersionConflict("changed"))
    outcome = "no error"
    try:
        async with asyncio.timeout(10):
            await like(store, "3")
    except TimeoutError:
        outcome = f"still trying after {store.faults.count('compare_and_set')} attempts"
    except Exception as error:
        outcome = type(error).__name__
    work.require(
        "a request ends, also if others always win",
        outcome == Unavailable.__name__,
        expected="Unavailable after a bounded number of attempts (within 10 s)",
        seen=outcome,
        look="likes.py, the loop around `compare_and_set`",
    )
