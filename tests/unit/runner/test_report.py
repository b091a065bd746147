"""The report says what each process waits for or why it failed, and what it uses."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tools.runner.config.manifest import ManifestApp
from tools.runner.config.paths import REPO, RunDir
from tools.runner.infra.servers import ManagedServer
from tools.runner.output.tables import print_report
from tools.runner.supervisor.process import ManagedProcess, ProcessSpec
from tools.runner.supervisor.replicas import ServiceReplica, create_replica
from tools.runner.supervisor.report import SystemView, replica_row, server_row
from tools.runner.supervisor.usage import UsageMeter

SLEEP = "import time; time.sleep(60)"
BUSY = "while True: pass"
POSTS = ManifestApp("posts", Path(), ("x",))


class Stage:
    """Small processes in the roles of nats, posts and its sidecar; a test says which are ready."""

    def __init__(self, run: RunDir) -> None:
        ports = itertools.count(4000)
        self.replica: ServiceReplica = create_replica(POSTS, 0, lambda _: next(ports))
        self.ready: set[str] = set()
        self.processes: dict[str, ManagedProcess] = {}
        self._run = run

    def start(self, name: str, code: str = SLEEP, *, restarts: bool = False) -> ManagedProcess:
        process = ManagedProcess(self.spec(name, code), self._run.logs)
        self.processes[name] = process
        if restarts:
            process.enable_restarts()
        process.start()
        return process

    def spec(self, name: str, code: str = SLEEP) -> ProcessSpec:
        async def probe() -> bool:
            return name in self.ready

        argv = (sys.executable, "-c", code)
        return ProcessSpec(name, argv, self._run.path, dict(os.environ), probe, stop_timeout=0.2)

    async def become_ready(self, *names: str) -> None:
        self.ready |= set(names)
        await until(lambda: all(self.processes[name].state == "ready" for name in names))

    @property
    def view(self) -> SystemView:
        nats = ManagedServer("nats", "127.0.0.1:4222", self.spec("nats"))
        return SystemView(self.processes, [nats], {}, {"posts": 1})

    @property
    def row(self) -> dict[str, Any]:
        return replica_row(self.replica, self.view)


@pytest.fixture
async def stage(run: RunDir) -> AsyncIterator[Stage]:
    stage = Stage(run)
    yield stage
    for process in stage.processes.values():
        if process.pid:
            os.killpg(process.pid, signal.SIGKILL)  # also a child, which would keep the output open
    await asyncio.gather(*(process.stop() for process in stage.processes.values()))


async def until(holds: Callable[[], object]) -> None:
    give_up_at = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.02)


async def test_a_start_shows_what_each_process_waits_for(stage: Stage) -> None:
    stage.start("nats")
    stage.start("posts")
    assert server_row(stage.view.servers[0], stage.view)["reason"] == (
        "does not answer at 127.0.0.1:4222 yet"
    )
    assert (stage.row["state"], stage.row["sidecar_state"]) == ("starting", "starting")
    assert stage.row["sidecar_reason"] == "waits for nats"
    assert stage.row["reason"] == "waits for its sidecar, which waits for nats"
    await stage.become_ready("nats")
    assert server_row(stage.view.servers[0], stage.view)["reason"] == ""
    stage.start("posts.daprd")
    assert stage.row["sidecar_reason"] == "waits for posts on port 4000"
    assert stage.row["reason"] == "does not answer /readyz on port 4000 yet"
    await stage.become_ready("posts")
    assert stage.row["sidecar_reason"] == "does not answer on port 4001 yet"
    await stage.become_ready("posts.daprd")
    assert (stage.row["state"], stage.row["reason"], stage.row["sidecar_reason"]) == (
        "ready",
        "",
        "",
    )
    assert stage.row["last_lines"] == []


async def test_a_process_that_keeps_failing_shows_its_exit_code_and_last_lines(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    process = stage.start("posts", "print('the key is missing'); exit(3)", restarts=True)
    await until(lambda: process.restarts > 3 and process.state == "backoff")
    row = stage.row
    assert row["app_state"] == "backoff"
    assert row["reason"].startswith("exited with code 3; starts again in ")
    assert row["last_lines"] == ["the key is missing"]
    assert row["pid"] is None
    print_report({"services": [row], "infra": []})
    shown = capsys.readouterr().out
    assert "posts: exited with code 3" in shown
    assert "    the key is missing" in shown


async def test_a_stopped_process_says_how_to_start_it(stage: Stage) -> None:
    process = stage.start("posts")
    await stage.become_ready("posts")
    await process.stop()
    assert stage.row["reason"] == "was stopped; `start posts` starts it"
    assert stage.row["state"] == "stopped"


async def test_a_process_that_finishes_its_work_is_draining_and_not_restarted(
    stage: Stage,
) -> None:
    code = "import signal; signal.signal(signal.SIGTERM, lambda *_: None); print('up', flush=True)"
    process = stage.start("posts", f"{code}\n{SLEEP}", restarts=True)
    await stage.become_ready("posts")
    await until(lambda: process.last_lines(1) == ["up"])
    process.drain()
    assert stage.row["app_state"] == "draining"
    await process.stop()
    assert (process.state, process.restarts, process.cause) == (
        "stopped",
        0,
        "was killed by SIGKILL",
    )


async def test_the_usage_includes_children_and_ends_with_the_process(stage: Stage) -> None:
    meter = UsageMeter()
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY!r}])"
    process = stage.start("posts", code)
    await until(lambda: process.pid is not None)
    pid = process.pid
    assert pid is not None
    await until(lambda: (found := meter.measure([pid]).get(pid)) and found.cpu_seconds > 0.3)
    await asyncio.sleep(1.1)  # the shortest interval of a percentage
    usage = meter.measure([pid])[pid]
    assert usage.cpu_percent > 1
    assert 1_000_000 < usage.memory_bytes < 100_000_000
    os.killpg(pid, signal.SIGKILL)
    await until(lambda: process.state == "failed")
    await until(lambda: meter.measure([pid]) == {})


def test_the_table_fits_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    row = {
        "service": "notifications.2",
        "app_id": "notifications",
        "address": "http://127.0.0.1:31999",
        "app_port": 31999,
        "sidecar_port": 31998,
        "pid": 4_194_304,
        "state": "starting",
        "restarts": 120,
        "cpu_seconds": 12345.6,
        "cpu_percent": 180.2,
        "memory_bytes": 230_000_000,
        "sidecar_memory_bytes": 100_000_000,
    }
    print_report({"services": [row], "infra": []})
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    (shown,) = [line for line in lines if "notifications.2" in line]
    words = ("4194304", "31999", "31998", "starting", "120", "12345.6", "180.2", "330")
    assert shown.split()[1:] == list(words)


def test_the_readme_shows_the_columns_of_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    print_report({"services": [], "infra": []})
    (heading,) = [line.split() for line in capsys.readouterr().out.splitlines() if "pid" in line]
    readme = (REPO / "README.md").read_text()
    (shown,) = [line.split() for line in readme.splitlines() if line.startswith(" service ")]
    assert shown == heading
