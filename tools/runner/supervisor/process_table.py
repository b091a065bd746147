"""The processes of one system by name: their start, the wait until they are ready, their end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.runner.errors import StartFailedError
from tools.runner.output.logs import Echo
from tools.runner.output.progress import wait_first
from tools.runner.supervisor.forking import ForkServer
from tools.runner.supervisor.process import ManagedProcess, ProcessSpec

READY_TIMEOUT = 120.0
"""Seconds after which a process that is neither ready nor dead fails the start."""

_NAMED_AS_LATE = 6


class ProcessTable(Mapping[str, ManagedProcess]):
    """Processes in the order of their start.

    Until `end_start`, the death of any process fails every wait. After it, processes that die are
    restarted.
    """

    def __init__(self, logs: Path, fork_server: ForkServer, echo: Echo | None = None) -> None:
        self._logs = logs
        self._fork_server = fork_server
        self._echo = echo
        self._processes: dict[str, ManagedProcess] = {}
        self._is_starting = True

    def __getitem__(self, name: str) -> ManagedProcess:
        return self._processes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._processes)

    def __len__(self) -> int:
        return len(self._processes)

    def launch(self, specs: Iterable[ProcessSpec]) -> None:
        """Start processes, which nothing restarts yet."""
        for spec in specs:
            self.add(ManagedProcess(spec, self._logs, self._echo, self._fork_server))

    def add(self, process: ManagedProcess) -> None:
        """Start a process."""
        self._processes[process.spec.name] = process
        process.start()

    async def wait_until_ready(self, names: Iterable[str]) -> None:
        """Wait for some processes.

        Raises StartFailedError as soon as one has died (during the start, any), and after
        READY_TIMEOUT. A process that is restarted does not count as dead.
        """
        awaited = [self._processes[name] for name in names]
        watched = {*awaited, *self._processes.values()} if self._is_starting else set(awaited)
        deaths = {asyncio.ensure_future(process.died.wait()): process for process in watched}
        ready = asyncio.ensure_future(all_ready(awaited))
        waiting: set[asyncio.Future[Any]] = {ready, *deaths}
        try:
            done = await wait_first(
                waiting, "starting", READY_TIMEOUT, lambda: _describe_progress(awaited)
            )
            for task, process in deaths.items():
                if task in done:
                    raise StartFailedError(process.failure_report())
            if not done:
                raise StartFailedError(_timeout_report(awaited))
        finally:
            for each in waiting:
                each.cancel()

    def end_start(self) -> None:
        """Restart processes that die from now on."""
        self._is_starting = False
        for process in self._processes.values():
            process.enable_restarts()

    async def stop(self, names: Iterable[str]) -> None:
        """Stop some processes at once; a name that has none is passed over."""
        chosen = [self._processes[name] for name in names if name in self._processes]
        await asyncio.gather(*(process.stop() for process in chosen))

    def forget(self, *names: str) -> None:
        """Remove processes that have ended."""
        for name in names:
            del self._processes[name]


async def all_ready(processes: Iterable[ManagedProcess]) -> None:
    """Wait until all of some processes are ready, however long it takes."""
    await asyncio.gather(*(process.is_ready.wait() for process in processes))


def _timeout_report(processes: Iterable[ManagedProcess]) -> str:
    late = [process for process in processes if process.state != "ready"]
    for process in late:
        process.cause = f"is not ready after {READY_TIMEOUT:.0f} s"
    return "\n".join(process.failure_report() for process in late)


def _describe_progress(processes: Sequence[ManagedProcess]) -> str:
    late = [process.spec.name for process in processes if not process.is_ready.is_set()]
    few = ", ".join(late[:_NAMED_AS_LATE]) + (" and others" if late[_NAMED_AS_LATE:] else "")
    return f"{len(processes) - len(late)} of {len(processes)} are ready; waiting for {few}"
