"""Replicas come and go in an order that loses no call and no event: here with small processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from tools.runner.config.manifest import ManifestApp
from tools.runner.config.paths import RunDir
from tools.runner.config.start_plan import StartPlan
from tools.runner.errors import RunnerError
from tools.runner.supervisor import scaling, supervisor
from tools.runner.supervisor.process import ManagedProcess, ProcessSpec
from tools.runner.supervisor.replicas import RunSettings, ServiceReplica
from tools.runner.supervisor.scaling import ReplicaScaler
from tools.runner.supervisor.supervisor import Supervisor

POSTS = ManifestApp("posts", Path(), ("x",))
PROCESS = """
import signal, sys, time
def finish(*_):
    print("finishes", flush=True)
    if sys.argv[1] != "sidecar":
        sys.exit()
signal.signal(signal.SIGTERM, finish)
print("up", flush=True)
time.sleep(60)
"""


class RecordedNames:
    """A registry that records what is done to which address, and what runs meanwhile."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note
        self.found: set[str] = set()

    async def hide(self, address: str) -> None:
        self.found.discard(address)
        self._note(f"hide {address}")

    async def hold(self, address: str) -> None:
        self._note(f"hold {address}")

    async def release(self, address: str) -> None:
        self.found.add(address)
        self._note(f"release {address}")

    async def forget(self, address: str) -> None:
        self.found.discard(address)
        self._note(f"forget {address}")


class Stage:
    """A system of one service, whose processes do nothing and note their ends."""

    def __init__(self, run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
        self.notes: list[str] = []
        self.broken: set[str] = set()
        self.system = Supervisor(StartPlan(run, port=0))
        self.names = RecordedNames(self.notes.append)
        self.changes = 0
        monkeypatch.setattr(self.system, "names", self.names)
        monkeypatch.setattr(self.system, "redeliver", self._redeliver)
        monkeypatch.setattr(self.system, "_settings", RunSettings(run, run.path, run.path, {}, ""))
        monkeypatch.setattr(supervisor, "app_spec", lambda each, _: self.spec(each.name, run))
        monkeypatch.setattr(
            supervisor, "sidecar_spec", lambda each, _: self.spec(each.sidecar_name, run)
        )
        monkeypatch.setattr(scaling, "SETTLE_TIME", 0.0)
        monkeypatch.setattr(scaling, "RECONNECT_TIME", 0.0)
        self.system.on_replicas_changed = self._count_change
        self.scaler = ReplicaScaler(self.system)

    def spec(self, name: str, run: RunDir) -> ProcessSpec:
        async def probe() -> bool:
            (process,) = [each for each in self._all() if each.spec.name == name]
            return "up" in process.last_lines(10)

        code = "raise SystemExit('no configuration')" if name in self.broken else PROCESS
        kind = "sidecar" if name.endswith(".daprd") else "app"
        argv = (sys.executable, "-c", code, kind)
        return ProcessSpec(name, argv, run.path, dict(os.environ), probe, stop_timeout=0.3)

    async def start(self, count: int) -> None:
        for number in range(count):
            replica = self.system.create_replica(POSTS, number)
            self.system.launch_replica(replica)
            await self.system.replicas_ready([replica])
            self.names.found.add(replica.internal_address)
        self.system.is_started = True

    def said(self, name: str) -> str:
        log = self.system.plan.run.logs / f"{name}.log"
        return log.read_text() if log.exists() else ""

    @property
    def replicas(self) -> Sequence[ServiceReplica]:
        return self.system.replicas

    @property
    def found(self) -> set[str]:
        """The replicas that others call."""
        return {each.name for each in self.replicas if each.internal_address in self.names.found}

    def process(self, name: str) -> ManagedProcess:
        (process,) = self.system.find_processes(name) if "." in name else self.app(name)
        return process

    def app(self, name: str) -> list[ManagedProcess]:
        return [each for each in self.system.find_processes(name) if each.spec.name == name]

    def _all(self) -> list[ManagedProcess]:
        return [each for replica in self.replicas for each in self.system.processes_of(replica)]

    async def _redeliver(self, app_id: str) -> None:
        self.notes.append(f"redeliver {app_id}")

    def _count_change(self) -> None:
        self.changes += 1


@pytest.fixture
async def stage(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    stage = Stage(run, monkeypatch)
    yield stage
    await stage.system.stop()


async def until(holds: Callable[[], object]) -> None:
    give_up_at = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.02)


async def test_new_replicas_are_called_when_they_are_ready(stage: Stage) -> None:
    await stage.start(1)
    await stage.scaler.scale("posts", 3)
    assert [each.name for each in stage.replicas] == ["posts", "posts.2", "posts.3"]
    assert stage.found == {"posts", "posts.2", "posts.3"}
    second, third = (each.internal_address for each in stage.replicas[1:])
    assert stage.notes == [f"{verb} {at}" for verb in ("hold", "release") for at in (second, third)]
    tokens = {(each.app_token, each.sidecar_token, each.app_port) for each in stage.replicas}
    assert len(tokens) == 3
    assert stage.changes == 1
    row = stage.system.report()["services"][0]
    assert (row["replicas"], row["state"]) == (3, "ready")


async def test_a_replica_that_goes_is_hidden_first_and_its_sidecar_outlives_it(
    stage: Stage,
) -> None:
    await stage.start(2)
    second = stage.replicas[1]
    app, sidecar = stage.system.processes_of(second)
    states = []

    async def hidden(address: str) -> None:
        states.append((app.state, sidecar.state))
        await RecordedNames.hide(stage.names, address)

    stage.names.hide = hidden  # type: ignore[method-assign]
    draining = asyncio.create_task(stage.scaler.scale("posts", 1))
    await until(lambda: sidecar.state == "draining" and app.state == "stopped")
    assert sidecar.pid is not None
    await draining
    assert states == [("ready", "ready")]
    assert (app.cause, sidecar.cause) == ("exited with code 0", "was killed by SIGKILL")
    assert "finishes" in stage.said("posts.2")
    assert "finishes" in stage.said("posts.2.daprd")
    address = second.internal_address
    assert stage.notes == [f"hide {address}", f"forget {address}", "redeliver posts"]
    assert [each.name for each in stage.replicas] == ["posts"]
    with pytest.raises(RunnerError, match=r"posts\.2"):
        stage.system.find_processes("posts.2")


async def test_a_single_replica_is_restarted_behind_a_stand_in(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.start(1)
    before = stage.process("posts.daprd").pid
    fewest: list[int] = []

    def note(text: str) -> None:
        stage.notes.append(text)
        fewest.append(len(stage.found))

    monkeypatch.setattr(stage.names, "_note", note)
    await stage.scaler.restart_rolling("posts")
    assert [each.name for each in stage.replicas] == ["posts"]
    assert stage.found == {"posts"}
    assert stage.process("posts.daprd").pid not in (before, None)
    assert min(fewest) == 1, "somebody can be called at every moment"
    verbs = [line.split()[0] for line in stage.notes]
    comes, goes = ["hold", "release"], ["hide", "forget"]
    assert [verb for verb in verbs if verb != "redeliver"] == [*comes, *goes] * 2


async def test_several_replicas_are_restarted_one_after_another(stage: Stage) -> None:
    await stage.start(2)
    before = [stage.process(f"{each.name}.daprd").pid for each in stage.replicas]
    await stage.scaler.restart_rolling("posts")
    after = [stage.process(f"{each.name}.daprd").pid for each in stage.replicas]
    assert not set(before) & set(after)
    assert stage.found == {"posts", "posts.2"}
    assert stage.said("posts.3") == ""


async def test_a_version_that_does_not_start_replaces_nothing(stage: Stage) -> None:
    await stage.start(1)
    before = stage.process("posts.daprd").pid
    stage.broken = {"posts.2", "posts"}
    for change in (stage.scaler.restart_rolling("posts"), stage.scaler.scale("posts", 2)):
        with pytest.raises(RunnerError, match="no configuration"):
            await change
    assert [each.name for each in stage.replicas] == ["posts"]
    assert stage.process("posts.daprd").pid == before
    assert stage.found == {"posts"}


async def test_a_replica_that_does_not_come_back_ends_a_rolling_restart(stage: Stage) -> None:
    await stage.start(2)
    process = stage.app("posts")[0]
    stage.broken = {"posts"}
    process.spec = stage.spec("posts", stage.system.plan.run)
    with pytest.raises(RunnerError, match="no configuration"):
        await stage.scaler.restart_rolling("posts")
    assert stage.found == {"posts.2"}
    assert (process.state, stage.process("posts.daprd").state) == ("failed", "stopped")
    assert stage.process("posts.2.daprd").state == "ready"


async def test_a_replica_that_does_not_work_is_restarted_first(stage: Stage) -> None:
    await stage.start(2)
    await stage.app("posts.2")[0].stop()
    stage.notes.clear()
    await stage.scaler.restart_rolling("posts")
    addresses = {each.name: each.internal_address for each in stage.replicas}
    hidden = [note.split()[1] for note in stage.notes if note.startswith("hide")]
    assert hidden == [addresses["posts.2"], addresses["posts"]]


async def test_the_only_replica_that_works_is_not_removed(stage: Stage) -> None:
    await stage.start(2)
    await stage.app("posts")[0].stop()
    with pytest.raises(RunnerError, match="no replica of posts that would stay is ready"):
        await stage.scaler.scale("posts", 1)
    assert [each.name for each in stage.replicas] == ["posts", "posts.2"]


async def test_what_is_started_after_a_failed_restart_is_restarted_when_it_dies(
    stage: Stage,
) -> None:
    await stage.start(2)
    process = stage.app("posts")[0]
    stage.broken = {"posts"}
    process.spec = stage.spec("posts", stage.system.plan.run)
    with pytest.raises(RunnerError, match="no configuration"):
        await stage.scaler.restart_rolling("posts")
    stage.broken = set()
    process.spec = stage.spec("posts", stage.system.plan.run)
    await stage.system.start_named("posts")
    os.kill(process.pid or 0, signal.SIGKILL)
    await until(lambda: process.restarts == 1 and process.state == "ready")


async def test_two_changes_at_once_happen_one_after_another(stage: Stage) -> None:
    await stage.start(1)
    await asyncio.gather(*(stage.scaler.scale("posts", count) for count in (3, 1, 2)))
    assert [each.name for each in stage.replicas] == ["posts", "posts.2"]
    assert stage.found == {"posts", "posts.2"}


@pytest.mark.parametrize("count", [0, 51])
async def test_a_number_of_replicas_has_bounds(stage: Stage, count: int) -> None:
    with pytest.raises(RunnerError, match="1 to 50"):
        await stage.scaler.scale("posts", count)
    with pytest.raises(RunnerError, match='no service is named "nats"'):
        await stage.scaler.scale("nats", 2)
