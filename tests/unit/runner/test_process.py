import asyncio
import errno
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools.runner.config.paths import RunDir
from tools.runner.output.logs import LogFile
from tools.runner.supervisor.process import Backoff, ManagedProcess, ProcessSpec


async def _content() -> bool:
    return True


def spec(code: str, folder: Path) -> ProcessSpec:
    return ProcessSpec(
        "child", (sys.executable, "-c", code), folder, dict(os.environ), _content, stop_timeout=0.3
    )


@pytest.fixture
async def processes() -> AsyncIterator[list[ManagedProcess]]:
    made: list[ManagedProcess] = []
    yield made
    for process in made:
        await process.stop()


def make(code: str, run: RunDir, processes: list[ManagedProcess]) -> ManagedProcess:
    process = ManagedProcess(spec(code, run.path), run.logs)
    processes.append(process)
    return process


async def until(holds: Callable[[], bool]) -> None:
    for _ in count():
        if holds():
            return
        await asyncio.sleep(0.02)


SLEEP = "import time; print('up', flush=True); time.sleep(60)"


def test_backoff_doubles_to_a_limit_and_resets_after_a_healthy_minute() -> None:
    backoff = Backoff()
    delays = [backoff.delay(lived=1) for _ in range(8)]
    assert delays == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    assert backoff.delay(lived=61) == 0.2
    assert backoff.delay(lived=1) == 0.4


async def test_a_process_goes_on_where_its_lines_cannot_be_written(
    run: RunDir, processes: list[ManagedProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: LogFile, chunk: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(LogFile, "write", full)
    process = make("print('x' * 1_000_000, flush=True); exit(3)", run, processes)
    process.start()
    async with asyncio.timeout(30):
        await process.died.wait()
    assert "exited with code 3" in process.failure_report()


async def test_a_death_during_the_start_is_reported_with_cause_and_last_lines(
    run: RunDir, processes: list[ManagedProcess]
) -> None:
    said = '{"level":"info","msg":"going on","type":"log"}'
    process = make(f"print('{said}'); print('what went wrong'); exit(3)", run, processes)
    process.start()
    async with asyncio.timeout(30):
        await process.died.wait()
    report = process.failure_report()
    assert "child exited with code 3" in report
    assert "what went wrong" in report
    assert "going on" not in report
    assert str(process.log) in report
    assert process.state == "failed"


async def test_a_death_on_a_full_disk_is_reported_with_the_free_space(
    run: RunDir, processes: list[ManagedProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    process = make("exit(3)", run, processes)
    assert "free" not in process.failure_report()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2_000_000))
    assert process.failure_report().endswith("only 2 MB are free there")


async def test_a_missing_program_is_a_death_too(run: RunDir) -> None:
    process = ManagedProcess(
        ProcessSpec("child", ("/nowhere/x",), run.path, {}, _content), run.logs
    )
    process.start()
    async with asyncio.timeout(30):
        await process.died.wait()
    assert "could not be started" in process.failure_report()


async def test_a_later_death_causes_a_counted_restart(
    run: RunDir, processes: list[ManagedProcess]
) -> None:
    process = make(SLEEP, run, processes)
    returned: list[float] = []
    process.on_recovered = returned.append
    chunks: list[bytes] = []
    process._echo = lambda _, chunk: chunks.append(chunk)
    process.start()
    async with asyncio.timeout(30):
        await process.is_ready.wait()
        process.enable_restarts()
        first = process.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until(lambda: process.pid not in (first, None))
        await process.is_ready.wait()
    assert process.restarts == 1
    assert process.cause == "was killed by SIGKILL"
    assert b"was killed by SIGKILL: restarting\n" in chunks
    assert len(returned) == 1


async def test_a_process_with_fatal_output_is_restarted_also_during_the_start(
    run: RunDir, processes: list[ManagedProcess]
) -> None:
    process = make("import os; os.write(1, b'out of'); " + SLEEP, run, processes)
    process.spec = replace(process.spec, fatal_outputs=("out ofup",))
    process.start()
    await until(lambda: process.restarts == 2)
    assert (process.cause, process.died.is_set()) == ('wrote "out ofup"', False)


async def test_a_stop_is_no_death_and_a_new_start_no_restart(
    run: RunDir, processes: list[ManagedProcess]
) -> None:
    process = make(SLEEP, run, processes)
    process.start()
    async with asyncio.timeout(30):
        await process.is_ready.wait()
        process.enable_restarts()
        await process.stop()
        assert process.state == "stopped"
        assert process.pid is None
        process.start()
        await process.is_ready.wait()
    assert process.restarts == 0


async def test_a_process_that_ignores_sigterm_is_killed_after_its_timeout(
    run: RunDir, processes: list[ManagedProcess]
) -> None:
    code = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
    process = make(code, run, processes)
    process.start()
    async with asyncio.timeout(30):
        await until(lambda: process.log.exists() and b"up" in process.log.read_bytes())
        await process.stop()
    assert process.state == "stopped"
    assert "SIGKILL" in process.cause
