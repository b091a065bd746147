"""A rebuild that is read, that events come into, and that dies in the middle."""

from __future__ import annotations

import contextlib
from typing import Any

from services.chassis.errors import ServiceError
from tests.fakes import Call, FakeState
from tools.learn.report import Work

STORIES = {"1": 1, "2": 3, "3": 1}
DAMAGED = {"1": 1, "2": 1, "9": 1}
LOOK = "shelf.py, `rebuild`: "


async def check(work: Work) -> None:
    """Check `Shelf.rebuild` of shelf.py."""
    make = work.module("shelf").Shelf
    store, shelf = await _damaged(make)
    await shelf.rebuild(_stories)
    work.require(
        "a rebuild gives what the stories say, and drops what does not exist",
        store.peek("shelf") == STORIES,
        expected=STORIES,
        seen=store.peek("shelf"),
        look=LOOK + "what becomes of story 9?",
    )
    store, shelf = await _damaged(make)
    seen: list[Any] = []

    async def look_in(_: Call) -> None:
        seen.append(store.peek("shelf"))

    store.faults.before.append(look_in)
    await shelf.rebuild(_stories)
    partial = [rows for rows in seen if rows not in (DAMAGED, STORIES)]
    work.require(
        "a reader sees the old shelf or the new one, and nothing between",
        not partial,
        expected=f"{DAMAGED} or {STORIES}",
        seen=partial[0] if partial else "",
        look=LOOK + "what is there between its first and its last write?",
    )
    await _require_events(work, make)
    store, shelf = await _damaged(make)
    store.faults.fail("*", nth=3)
    with contextlib.suppress(ServiceError):
        await shelf.rebuild(_stories)
    work.require(
        "a rebuild that fails in the middle leaves a shelf to read",
        store.peek("shelf") in (DAMAGED, STORIES),
        expected="the old shelf or the new one",
        seen=store.peek("shelf"),
        look=LOOK + "write once, at the end",
    )


async def _require_events(work: Work, make: Any) -> None:
    store, shelf = await _damaged(make)

    async def stories_and_events() -> dict[str, int]:
        read = dict(STORIES)
        await shelf.apply("2", 4)
        await shelf.apply("4", 1)
        return read

    await shelf.rebuild(stories_and_events)
    expected = {**STORIES, "2": 4, "4": 1}
    work.require(
        "an event that comes during a rebuild is not lost",
        store.peek("shelf") == expected,
        expected=expected,
        seen=store.peek("shelf"),
        look=LOOK + "what was written while it read the stories?",
    )
    store, shelf = await _damaged(make)
    raced = False

    async def race(call: Call) -> None:
        nonlocal raced
        if call.name in ("compare_and_set", "set") and not raced:
            raced = True
            await shelf.apply("5", 1)

    store.faults.before.append(race)
    await shelf.rebuild(_stories)
    expected = {**STORIES, "5": 1}
    work.require(
        "an event at the moment of the last write is not lost",
        store.peek("shelf") == expected,
        expected=expected,
        seen=store.peek("shelf"),
        look=LOOK + "does its write check that nobody wrote since it read?",
    )


async def _damaged(make: Any) -> tuple[FakeState, Any]:
    store = FakeState()
    await store.set("shelf", DAMAGED)
    return store, make(store)


async def _stories() -> dict[str, int]:
    return dict(STORIES)
