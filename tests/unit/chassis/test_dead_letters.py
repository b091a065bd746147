from __future__ import annotations

from typing import Any

import pytest

from services.chassis.consuming import dead_letters as module
from services.chassis.consuming.dead_letters import DeadLetters
from services.chassis.errors import Unavailable
from tests.fakes import Call, FakeState


async def test_dead_letters_are_kept_once_oldest_first() -> None:
    letters = DeadLetters(FakeState())
    for n in (1, 2, 3):
        await letters.add("topic", {"n": n}, f"why {n}")
    await letters.add("topic", {"n": 1}, "again")
    await letters.add("other", {"n": 1}, "of another topic")
    kept = await letters.all()
    assert [(letter.topic, letter.event["n"]) for letter in kept] == [
        ("topic", 2),
        ("topic", 3),
        ("topic", 1),
        ("other", 1),
    ]
    assert kept[2].why == "why 1"


async def test_beyond_the_limit_the_oldest_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_DEAD_LETTERS", 3)
    state = FakeState()
    letters = DeadLetters(state)
    for n in range(6):
        await letters.add("topic", {"n": n}, "why")
    assert [letter.event["n"] for letter in await letters.all()] == [3, 4, 5]
    assert len(state.keys("dead-letter:")) == 3


async def test_a_replay_removes_what_succeeds_and_keeps_the_rest() -> None:
    state = FakeState()
    letters = DeadLetters(state)
    for n in range(4):
        await letters.add("topic", {"n": n}, "why")
    handled: list[Any] = []

    async def handle(topic: str, event: Any) -> None:
        if event["n"] == 2:
            raise Unavailable("still not")
        handled.append((topic, event["n"]))

    replayed, failed = await letters.replay(handle)
    assert replayed == 3
    assert list(failed.values()) == ["still not"]
    assert handled == [("topic", 0), ("topic", 1), ("topic", 3)]
    assert [letter.event["n"] for letter in await letters.all()] == [2]
    assert len(state.keys("dead-letter:")) == 1


async def test_dead_letters_can_hold_any_json() -> None:
    letters = DeadLetters(FakeState())
    came = ["text", None, [1, "ü"], {"raw": "\x00"}]
    for event in came:
        await letters.add("", event, "why")
    assert [letter.event for letter in await letters.all()] == came


async def test_a_count_during_a_change_is_put_right_by_the_next() -> None:
    state = FakeState()
    letters = DeadLetters(state)

    async def count_in_between(call: Call) -> None:
        if call.name == "compare_and_set" and "dead-letters:all" in call.about:
            await letters.count()

    state.faults.after.append(count_in_between)
    await letters.add("topic", {"n": 1}, "why")
    state.faults.after.clear()
    await letters.count()
    assert letters.by_topic == {"topic": 1}

    async def handle(_: str, __: Any) -> None:
        return

    state.faults.after.append(count_in_between)
    await letters.replay(handle)
    state.faults.after.clear()
    await letters.count()
    assert +letters.by_topic == {}
