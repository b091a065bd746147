"""Supervises one process: start, readiness, restarts with backoff, stop."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tools.runner.output.logs import Echo, LogFile, tail
from tools.runner.output.terminal import compact
from tools.runner.supervisor.fork_server import LISTEN_FD
from tools.runner.supervisor.forking import Child, ForkServer, program_of

State = Literal["starting", "ready", "draining", "backoff", "stopped", "failed"]
Probe = Callable[[], Awaitable[bool]]
_LOW_DISK = 100_000_000
"""Bytes of free disk below which a failure report mentions them."""


@dataclass(frozen=True)
class ProcessSpec:
    """What to run, and how to know that it is ready."""

    name: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(repr=False)
    probe: Probe
    stop_timeout: float = 1.5
    """Seconds between the signal to stop and SIGKILL."""
    stop_signal: signal.Signals = signal.SIGTERM
    listener: socket.socket | None = None
    """A listening socket that the process shares; its number is in the environment."""
    fatal_outputs: tuple[str, ...] = ()
    """Output after which the process is useless although it runs: it is killed and restarted."""


class Backoff:
    """The delay before the next start: 0.2 s, doubled up to 10 s, reset after a healthy minute."""

    INITIAL_DELAY = 0.2
    MAX_DELAY = 10.0
    HEALTHY_AFTER = 60.0

    def __init__(self) -> None:
        self._next = self.INITIAL_DELAY

    def delay(self, lived: float) -> float:
        """Return the delay after a process that ran for this many seconds."""
        if lived >= self.HEALTHY_AFTER:
            self._next = self.INITIAL_DELAY
        delay, self._next = self._next, min(self._next * 2, self.MAX_DELAY)
        return delay


class ManagedProcess:
    """Supervises one process after another under the same name."""

    def __init__(
        self,
        spec: ProcessSpec,
        logs: Path,
        echo: Echo | None = None,
        fork_server: ForkServer | None = None,
    ) -> None:
        self.spec = spec
        self.state: State = "stopped"
        self.restarts = 0
        self.cause = ""
        self.log = logs / f"{spec.name}.log"
        self.died = asyncio.Event()
        self.is_ready = asyncio.Event()
        self.on_recovered: Callable[[float], None] | None = None
        """Called when the process is ready again, with the seconds of its absence."""
        self._echo = echo
        self._fork_server = fork_server
        self._file: LogFile | None = None
        self._child: Child | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._restarts_enabled = False
        self._fatal_output = ""
        self._backoff = Backoff()
        self._down_since: float | None = None
        self._next_start_at = 0.0
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        child = self._child
        return child.pid if child is not None and child.returncode is None else None

    def start(self) -> None:
        """Start the process unless it is running."""
        if self._task is None or self._task.done():
            self._stopping = False
            self.state = "starting"
            self.died.clear()
            self._task = asyncio.create_task(self._supervise(), name=self.spec.name)

    def enable_restarts(self, is_enabled: bool = True) -> None:
        """Restart the process when it dies from now on, instead of setting `died`."""
        self._restarts_enabled = is_enabled

    def drain(self) -> None:
        """Send SIGTERM to a process that then finishes its work; `stop` must follow.

        It is not restarted when it ends, and what it writes is not fatal any more.
        """
        self._stopping = True
        self.state = "draining"
        self._signal(signal.SIGTERM)

    async def stop(self, patience: float | None = None) -> None:
        """Stop the process by its signal, then SIGKILL after some seconds, by default its own."""
        self._stopping = True
        task = self._task
        if task is None or task.done():
            return
        if self.pid is None:
            task.cancel()
        else:
            self.state = "draining"
            self._signal(self.spec.stop_signal)
            seconds = self.spec.stop_timeout if patience is None else patience
            done, _ = await asyncio.wait([task], timeout=seconds)
            if not done:
                self._signal(signal.SIGKILL)
        with contextlib.suppress(asyncio.CancelledError):
            await task
        self.state = "stopped"

    def _signal(self, number: signal.Signals) -> None:
        """Signal the process; SIGKILL goes to its group, to include its children."""
        if self.pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            if number == signal.SIGKILL:
                os.killpg(self.pid, number)
            else:
                os.kill(self.pid, number)

    async def _supervise(self) -> None:
        self._file = LogFile(self.log)
        try:
            while not self._stopping:
                lived = await self._run_once()
                if self._stopping:
                    break
                if not (self._restarts_enabled or self._fatal_output):
                    self.state = "failed"
                    self.died.set()
                    return
                self.restarts += 1
                self.state = "backoff"
                if self._echo is not None:
                    self._echo(self.spec.name, f"{self.cause}: restarting\n".encode())
                delay = self._backoff.delay(lived)
                self._next_start_at = time.monotonic() + delay
                await asyncio.sleep(delay)
            self.state = "stopped"
        finally:
            self._file.close()

    async def _run_once(self) -> float:
        self.state = "starting"
        self._fatal_output = ""
        began = time.monotonic()
        try:
            self._log_start = self._file.size if self._file else 0
            self._child = child = await self._spawn()
        except OSError as error:
            self.cause = f"could not be started: {error}"
            return 0.0
        tasks = [asyncio.create_task(self._copy_output(child)), asyncio.create_task(self._probe())]
        try:
            code = await child.wait()
            self.cause = f'wrote "{self._fatal_output}"' if self._fatal_output else _cause(code)
            await asyncio.wait(tasks[:1], timeout=0.3)  # a child of it may keep the pipe open
        finally:
            self.is_ready.clear()
            self._down_since = self._down_since or time.monotonic()
            for task in tasks:
                task.cancel()
        return time.monotonic() - began

    async def _spawn(self) -> Child:
        spec, server = self.spec, self._fork_server
        shared = [spec.listener.fileno()] if spec.listener else []
        listening = {LISTEN_FD: str(shared[0])} if shared else {}
        if server:
            program = program_of(spec.name, spec.argv, spec.cwd, spec.env, server.env)
            if program:
                return await server.spawn(program, *shared)
        return await asyncio.create_subprocess_exec(
            *spec.argv,
            cwd=spec.cwd,
            env={**spec.env, **listening},
            pass_fds=shared,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C goes to the runner, which stops processes in order
        )

    async def _copy_output(self, child: Child) -> None:
        stream, file, end = child.stdout, self._file, b""
        signs = [sign.encode() for sign in self.spec.fatal_outputs]
        overlap = max(map(len, signs), default=0)
        while stream and file and (chunk := await stream.read(65_536)):
            # Without room on the disk, or a reader of the terminal, lines are lost. If nobody read
            # the pipe, the process would stop at its next lines.
            with contextlib.suppress(OSError):
                file.write(chunk)
            if self._echo is not None:
                with contextlib.suppress(OSError):
                    self._echo(self.spec.name, chunk)
            found = [sign for sign in signs if sign in end + chunk]
            if found and not self._stopping:
                self._fatal_output = found[0].decode()
                self._signal(signal.SIGKILL)
            end = chunk[-overlap:] if overlap else b""

    async def _probe(self) -> None:
        while True:
            if await self.spec.probe():
                break
            await asyncio.sleep(0.1)
        self.state = "ready"
        self.is_ready.set()
        if self._down_since is not None and self.on_recovered is not None:
            self.on_recovered(time.monotonic() - self._down_since)
        self._down_since = None

    def trouble(self) -> str:
        """Return why the process does not run; empty for one that does."""
        if self.state == "failed":
            return self.cause
        if self.state == "backoff":
            wait = max(0.0, self._next_start_at - time.monotonic())
            return f"{self.cause}; starts again in {wait:.1f} s"
        if self.state == "stopped":
            return f"was stopped; `start {self.spec.name}` starts it"
        return "finishes its requests and ends" if self.state == "draining" else ""

    def last_lines(self, count: int) -> list[str]:
        """Return the last lines that the latest start wrote, without those that say nothing."""
        written = tail(self.log, 200, since=self._log_start)
        lines = [text for line in written if (text := compact(line))] or written
        return [line[:500] for line in lines[-count:]]

    def failure_report(self) -> str:
        """Return what failed, why, its last log lines and the path of its log."""
        shown = "\n".join(f"    {line}" for line in self.last_lines(20)) or "    (no output)"
        report = f"{self.spec.name} {self.cause}\n{shown}\n  log: {self.log}"
        free = shutil.disk_usage(self.log.parent).free
        return (
            report if free > _LOW_DISK else f"{report}\n  only {free / 1e6:.0f} MB are free there"
        )


def _cause(code: int) -> str:
    if code >= 0:
        return f"exited with code {code}"
    with contextlib.suppress(ValueError):
        return f"was killed by {signal.Signals(-code).name}"
    return f"was killed by signal {-code}"
