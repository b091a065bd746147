"""Reports the progress of long steps."""

import asyncio
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from tools.runner.errors import RunnerError

REPORT_INTERVAL = 15.0
"""Seconds between two lines about the same step."""

_POLL_INTERVAL = 0.25
_SHOWN_LINES = 20
"""Last lines of a failed command's output that are shown."""

ProgressParser = Callable[[str], str]
"""Returns the progress of a command, from its output so far."""


class Step(Protocol):
    """Something whose progress is reported."""

    def update(self, how_far: Callable[[], str]) -> None: ...

    def finish(self) -> None: ...


class Progress:
    """One step: a line every `REPORT_INTERVAL` seconds; on a terminal, one line that is rewritten.

    With `at_once` the step is printed at its start and end; otherwise only if it takes long.
    """

    def __init__(self, what: str, *, at_once: bool = True) -> None:
        self._what = what
        self._started_at = self._reported_at = time.monotonic()
        self._changes = at_once and sys.stderr.isatty()
        self._named = at_once
        if at_once and not self._changes:
            _print(f"{what} …")

    @property
    def seconds(self) -> float:
        """Seconds since the start of the step."""
        return time.monotonic() - self._started_at

    @property
    def next_line(self) -> float:
        """Seconds until the next line is due."""
        return max(0.0, self._reported_at + REPORT_INTERVAL - time.monotonic())

    def update(self, how_far: Callable[[], str] = str) -> None:
        """Print the progress if a line is due."""
        if self._changes:
            print(f"\r{self._line(how_far())} …\x1b[K", end="", file=sys.stderr, flush=True)
        elif not self.next_line:
            self._reported_at = time.monotonic()
            _print(f"{self._line(how_far())} so far")

    def _line(self, how_far: str) -> str:
        return f"{self._what}: {f'{how_far}, ' if how_far else ''}{self.seconds:.0f} s"

    def finish(self) -> None:
        """Print the duration."""
        if self._named:
            start, rest = ("\r", "\x1b[K") if self._changes else ("", "")
            _print(f"{start}{self._line('')}{rest}")


class SharedProgress:
    """One step that consists of several at the same time, each in a thread of its own."""

    def __init__(self, what: str) -> None:
        self._all = Progress(what)
        self._parts: dict[str, str] = {}
        self._lock = threading.Lock()

    def part(self, what: str) -> Step:
        """Return a part of this step; it is shown until it is finished."""
        return _Part(self, what)

    def update(self, what: str, how_far: str) -> None:
        """Note how far a part is, and print the progress of all if a line is due."""
        with self._lock:
            self._parts[what] = how_far
            self._all.update(self._describe)

    def remove(self, what: str) -> None:
        """Show a part no longer."""
        with self._lock:
            self._parts.pop(what, None)

    def finish(self) -> None:
        """Print the duration."""
        self._all.finish()

    def _describe(self) -> str:
        shown = (f"{what} ({far})" if far else what for what, far in self._parts.items())
        return ", ".join(shown)


class _Part:
    def __init__(self, whole: SharedProgress, what: str) -> None:
        self._whole = whole
        self._what = what

    def update(self, how_far: Callable[[], str]) -> None:
        self._whole.update(self._what, how_far())

    def finish(self) -> None:
        self._whole.remove(self._what)


async def wait_first(
    awaited: set[asyncio.Future[Any]], what: str, patience: float, how_far: Callable[[], str] = str
) -> set[asyncio.Future[Any]]:
    """Wait for the first of some futures with a timeout; return those that are done."""
    progress = Progress(what, at_once=False)
    done: set[asyncio.Future[Any]] = set()
    while not done and progress.seconds < patience:
        soon = min(progress.next_line, patience - progress.seconds)
        done, _ = await asyncio.wait(
            awaited, timeout=max(soon, 0.01), return_when=asyncio.FIRST_COMPLETED
        )
        progress.update(how_far)
    return done


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def run(
    what: str,
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    how_far: ProgressParser = lambda _: "",
    advice: str = "",
    within: SharedProgress | None = None,
) -> str:
    """Run a command with progress output, as a part of `within`; return what it wrote to stdout.

    `how_far` gets all of stderr so far. Raises RunnerError with the last lines of both, and with
    the advice, if the command fails.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        try:
            child = subprocess.Popen(command, cwd=cwd, env=env, stdout=output, stderr=errors)
        except OSError as error:
            raise RunnerError(f"{what}: {command[0]} cannot be started: {error}") from None
        step = within.part(what) if within else Progress(what)
        _watch(child, step, lambda: how_far(_read(errors)))
        if child.returncode:
            lines = (_read(output) + _read(errors)).splitlines()[-_SHOWN_LINES:]
            said = "".join(f"\n    {line}" for line in lines)
            raise RunnerError(f"{what} failed:\n    {' '.join(command)}{said}\n{advice}".rstrip())
        return _read(output)


def _watch(child: subprocess.Popen[bytes], progress: Step, how_far: Callable[[], str]) -> None:
    """Wait for a command; terminate it on errors, so that its locks are released."""
    try:
        while child.poll() is None:
            progress.update(how_far)
            time.sleep(_POLL_INTERVAL)
    except BaseException:
        child.terminate()
        child.wait()
        raise
    progress.finish()


def _read(file: IO[str]) -> str:
    """Return the content of a file that another process appends to, without moving its offset."""
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), size, 0).decode(errors="replace")
