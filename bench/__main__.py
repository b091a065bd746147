"""The command: `./tye-like-run.sh bench`, or `python -m bench`."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import Progress

from bench.checkouts import Checkouts, Sold
from bench.client import Refused
from bench.growth import Grown, Growth
from bench.options import Options, parse
from bench.outcome import Outcome
from bench.progress import progress_bar
from bench.run import Run
from bench.system import OUTPUT, NoSystem

T = TypeVar("T")


def main(arguments: list[str]) -> int:
    """Run the benchmark, and return its exit code."""
    options = parse(arguments)
    console = Console(highlight=False)
    try:
        with progress_bar(console) as progress:
            outcome = asyncio.run(_interruptible(_run(options, progress)))
    except (NoSystem, Refused, RuntimeError, ValueError, OSError) as error:
        console.print(str(error), style="red", markup=False)
        return 2
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    return _say(outcome, options, console)


async def _run(options: Options, progress: Progress) -> Outcome | Grown | Sold:
    if options.checkouts:
        return await Checkouts(options, progress).go()
    if options.growth:
        return await Growth(options, progress).go()
    return await Run(options, progress).go()


async def _interruptible(going: Coroutine[Any, Any, T]) -> T:
    """Let SIGTERM end it as Ctrl-C does, so that the system is taken down in either case."""
    task = asyncio.ensure_future(going)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


def _say(outcome: Outcome | Grown | Sold, options: Options, console: Console) -> int:
    path = options.json or OUTPUT / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    outcome.write(path)
    outcome.show(console)
    console.print(f"All figures: {path}", soft_wrap=True)
    missed = options.strict and not outcome.is_on_target
    return 1 if outcome.errors or missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
