"""Progress bars, and concurrent processing with progress."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

T = TypeVar("T")
R = TypeVar("R")


def progress_bar(console: Console) -> Progress:
    """Return a progress display with a bar for each phase."""
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
