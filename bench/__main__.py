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

from bench.api_client import UnexpectedResponse
from bench.hops import HopBenchmark, HopResults
from bench.options import BenchOptions, parse
from bench.progress import progress_bar
from bench.results import BenchResults
from bench.run import BenchmarkRun
from bench.scaling import ScalingBenchmark
from bench.scaling_results import ScalingResults
from bench.system import OUTPUT, SystemUnavailable

T = TypeVar("T")

MIN_WIDTH = 160
"""The width of the tables at least, also without a terminal: ten scenarios beside each other."""


def main(arguments: list[str]) -> int:
    """Run the benchmark, and return its exit code."""
    options = parse(arguments)
    console = Console(highlight=False)
    console.width = max(console.width, MIN_WIDTH)
    try:
        with progress_bar(console) as progress:
            outcome = asyncio.run(_interruptible(_run(options, progress)))
    except (SystemUnavailable, UnexpectedResponse, RuntimeError, ValueError, OSError) as error:
        console.print(str(error), style="red", markup=False)
        return 2
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    return _say(outcome, options, console)


async def _run(
    options: BenchOptions, progress: Progress
) -> BenchResults | ScalingResults | HopResults:
    if options.hops:
        return await HopBenchmark(options, progress).execute()
    if options.growth:
        return await ScalingBenchmark(options, progress).execute()
    return await BenchmarkRun(options, progress).execute()


async def _interruptible(going: Coroutine[Any, Any, T]) -> T:
    """Handle SIGTERM like Ctrl-C, so that both stop the system."""
    task = asyncio.ensure_future(going)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


def _say(
    outcome: BenchResults | ScalingResults | HopResults,
    options: BenchOptions,
    console: Console,
) -> int:
    path = options.json or OUTPUT / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    outcome.write(path)
    outcome.show(console)
    console.print(f"All figures: {path}", soft_wrap=True)
    missed = options.strict and not outcome.meets_targets
    return 1 if outcome.errors or missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
