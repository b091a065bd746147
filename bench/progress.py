"""Progress bars, and concurrent processing with progress."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from tools.runner.output.progress import Progress as Step

_LOOK_INTERVAL = 0.5
"""Seconds between two looks at how far the phases are."""

T = TypeVar("T")
R = TypeVar("R")


def progress_bar(console: Console) -> Progress:
    """Return a progress display: a bar for each phase, or lines where no terminal shows bars."""
    if not console.is_terminal:
        return LineProgress()
    return Progress(
        TextColumn("{task.description:<24}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("· left"),
        TimeRemainingColumn(),
        console=console,
    )


class LineProgress(Progress):
    """A line at the start and the end of each phase, and one every 15 s in between.

    A thread prints them, because a phase may wait for long without a step forward.
    """

    def __init__(self) -> None:
        super().__init__(disable=True)
        self._steps: dict[TaskID, Step] = {}
        self._ended: set[TaskID] = set()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Begin to print."""
        super().start()
        self._thread.start()

    def stop(self) -> None:
        """Print the end of each phase that is over, and nothing more."""
        super().stop()
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(_LOOK_INTERVAL):
            self._print()
        self._print()

    def _print(self) -> None:
        for task in self.tasks:
            if task.id in self._ended:
                continue
            if task.id not in self._steps:
                self._steps[task.id] = Step(task.description)
            if task.finished:
                self._steps[task.id].finish()
                self._ended.add(task.id)
            else:
                self._steps[task.id].update(partial(_how_far, task))


def _how_far(task: Task) -> str:
    return f"{task.description}, {task.completed:,.0f} of {task.total or 0:,.0f}"


async def for_each(
    progress: Progress,
    title: str,
    items: Sequence[T],
    do: Callable[[T], Awaitable[R]],
    at_once: int,
) -> list[R]:
    """Process all items, several at once, and return the results in order."""
    bar = progress.add_task(title, total=len(items))
    results: dict[int, R] = {}
    rest = iter(enumerate(items))

    async def work() -> None:
        for i, item in rest:
            results[i] = await do(item)
            progress.advance(bar)

    workers = [asyncio.create_task(work()) for _ in range(min(at_once, len(items)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
    return [results[i] for i in range(len(items))]
