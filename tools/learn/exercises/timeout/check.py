"""A page while a neighbour answers, refuses, is away, and hangs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from fastapi import FastAPI

from services.chassis.errors import NotFound, ServiceError, Unavailable
from tests.fakes import FakeNetwork, FakeSidecar
from tools.learn.report import Work

MAX_SECONDS = 1.0
SLACK = 0.1
"""Seconds that a busy machine may take longer."""

TRIES = 3
"""A page that is late only because the machine is busy is in time once in so many tries."""

SLOW = (0.95, 0.8, 0.6)
"""When a slow story comes, as shares of the time after which a page without it gives up. That time
was measured, and is too long where the machine was busy: one share is below the true deadline."""


class _Neighbours:
    """The services `stories` and `people`. `hanging` are those that do not answer."""

    def __init__(self) -> None:
        self.answering = {name: asyncio.Event() for name in ("stories", "people")}
        self._timer: asyncio.TimerHandle | None = None
        self.network = FakeNetwork()
        self.network.add("stories", self._app("stories", {"text": "low tide", "author": "ada"}))
        self.network.add("people", self._app("people", {"name": "Ada"}))
        self.hang()

    def hang(self, *names: str) -> None:
        """Let these services not answer, and the others do."""
        for name, event in self.answering.items():
            event.clear() if name in names else event.set()

    def answer_later(self, name: str, seconds: float) -> None:
        """Let a service answer only after so many seconds."""
        self.hang(*self.answering)
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.answering[name].set)

    def _app(self, name: str, body: dict[str, str]) -> FastAPI:
        app = FastAPI()

        @app.get(f"/{name}/{{id}}")
        async def answer(id: str) -> dict[str, str]:
            await self.answering[name].wait()
            return body

        return app


async def check(work: Work) -> None:
    """Check `story_page` of story_page.py."""
    page, neighbours = work.module("story_page").story_page, _Neighbours()
    sidecar = FakeSidecar("gateway", network=neighbours.network)
    outcome, seconds = await _timed(page(sidecar, "1"))
    full = {"text": "low tide", "author": "Ada"}
    _require(work, "a page has text and author", outcome, full, "what does it return?")
    for error in (NotFound("no such person"), Unavailable("people is away")):
        sidecar.faults.fail("invoke", about="people/", times=3, error=error)
        outcome, seconds = await _timed(page(sidecar, "1"))
        sidecar = FakeSidecar("gateway", network=neighbours.network)
        what = f"a page without a name is shown if `people` answers {type(error).__name__}"
        bare = {"text": "low tide", "author": ""}
        _require(work, what, outcome, bare, "which part can the page do without?")
    neighbours.hang("people")
    outcome, seconds = await _soonest(sidecar, page)
    work.require(
        "a page is there within a second, also while `people` hangs",
        outcome == bare and seconds < MAX_SECONDS + SLACK,
        expected=f"{bare} within {MAX_SECONDS:.0f} s",
        seen=f"{outcome} after {seconds:.1f} s",
        look="story_page.py: how long does `invoke` wait?",
    )
    neighbours.hang("stories")
    outcome, seconds = await _soonest(sidecar, page)
    work.require(
        "an error comes within a second while `stories` hangs",
        isinstance(outcome, ServiceError) and seconds < MAX_SECONDS + SLACK,
        expected=f"a ServiceError within {MAX_SECONDS:.0f} s",
        seen=f"{outcome!r} after {seconds:.1f} s",
        look="story_page.py: without the story there is no page. Say so, and soon",
    )
    patience = seconds
    for share in SLOW:
        slow = patience * share
        outcome, seconds = await _soonest(
            sidecar, page, partial(neighbours.answer_later, "stories", slow)
        )
        is_answer = outcome == bare or isinstance(outcome, ServiceError)
        if not is_answer or seconds >= MAX_SECONDS + SLACK:
            break
    neighbours.hang()
    work.require(
        "an answer is there within a second if `stories` is slow and `people` hangs",
        is_answer and seconds < MAX_SECONDS + SLACK,
        expected=f"{bare} or a ServiceError within {MAX_SECONDS:.0f} s",
        seen=f"{outcome!r} after {seconds:.1f} s, with a story after {slow:.1f} s",
        look="story_page.py: how long do both calls take together?",
    )


def _require(work: Work, what: str, outcome: Any, expected: dict[str, str], look: str) -> None:
    seen = repr(outcome) if isinstance(outcome, Exception) else outcome
    holds = outcome == expected
    work.require(what, holds, expected=expected, seen=seen, look=f"story_page.py: {look}")


async def _soonest(
    sidecar: FakeSidecar, page: Any, prepare: Callable[[], None] = lambda: None
) -> tuple[Any, float]:
    """Return the outcome of the fastest try, and its seconds. The first that is in time ends it."""
    tries = []
    for _ in range(TRIES):
        prepare()
        tries.append(await _timed(page(sidecar, "1")))
        if tries[-1][1] < MAX_SECONDS:
            break
    return min(tries, key=lambda each: each[1])


async def _timed(page: Any) -> tuple[Any, float]:
    """Return what a page gives or raises, and the seconds that it took; at most three."""
    began_at = time.monotonic()
    try:
        async with asyncio.timeout(3.0):
            outcome: Any = await page
    except TimeoutError:
        outcome = "nothing yet"
    except ServiceError as error:
        outcome = error
    return outcome, time.monotonic() - began_at
