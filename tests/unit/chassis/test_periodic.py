from __future__ import annotations

import asyncio
import logging

import pytest

from services.chassis import periodic
from services.chassis.errors import Unavailable
from services.chassis.periodic import FAILING_AFTER, BackgroundWork
from tests.fakes.waiting import until


class Work:
    """Fails a given number of times, and counts its calls."""

    def __init__(self, failures: int, error: Exception) -> None:
        self.calls = 0
        self.failures = failures
        self.error = error

    async def __call__(self) -> None:
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error


@pytest.mark.parametrize("error", [Unavailable("not now"), KeyError("undecodable")])
async def test_periodic_work_continues_after_any_failure(error: Exception) -> None:
    work = Work(2, error)
    background = BackgroundWork("work", work, 0.001, 0.001)
    running = asyncio.create_task(background.run())
    await until(lambda: work.calls > 5)
    assert not background.is_failing
    running.cancel()


async def test_work_that_keeps_failing_is_shown_until_it_succeeds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    work = Work(FAILING_AFTER + 1, RuntimeError("broken"))
    background = BackgroundWork("work", work, 0.001, 0.001)
    running = asyncio.create_task(background.run())
    await until(lambda: work.calls >= FAILING_AFTER and background.is_failing)
    await until(lambda: work.calls > work.failures and not background.is_failing)
    running.cancel()
    assert len(caplog.records) == work.failures


async def test_work_without_an_interval_is_started_again_only_if_it_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(periodic, "RESTART_DELAY", 0.001)
    work = Work(2, RuntimeError("broken"))
    await asyncio.wait_for(BackgroundWork("work", work).run(), 30)
    assert work.calls == 3


async def test_the_first_call_comes_after_an_interval_or_at_start() -> None:
    late, early = Work(0, RuntimeError()), Work(0, RuntimeError())
    tasks = [
        asyncio.create_task(BackgroundWork("late", late, 3600).run()),
        asyncio.create_task(BackgroundWork("early", early, 3600).run(at_start=True)),
    ]
    await until(lambda: early.calls == 1)
    assert late.calls == 0
    for task in tasks:
        task.cancel()


async def test_work_that_runs_on_after_failures_is_not_shown_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(periodic, "RESTART_DELAY", 0.001)
    calls = 0

    async def fails_at_first_and_then_runs_on() -> None:
        nonlocal calls
        calls += 1
        if calls <= FAILING_AFTER:
            raise RuntimeError("broken")
        await asyncio.Event().wait()

    background = BackgroundWork("work", fails_at_first_and_then_runs_on, max_backoff=0.05)
    running = asyncio.create_task(background.run())
    await until(lambda: background.is_failing)
    await until(lambda: calls > FAILING_AFTER and not background.is_failing)
    running.cancel()


async def test_work_that_finds_nothing_to_do_is_called_less_often() -> None:
    found: list[bool | None] = [None, True, False]
    calls = 0

    async def look() -> bool | None:
        nonlocal calls
        calls += 1
        return found[min(calls, len(found)) - 1]

    running = asyncio.create_task(BackgroundWork("look", look, 0.001, idle_interval=3600).run())
    await until(lambda: calls == len(found))
    await asyncio.sleep(0.05)  # fifty times the interval of work that finds something
    assert calls == len(found)
    running.cancel()
