"""A system of one service, whose processes do nothing and note their ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tools.runner.config.manifest import ManifestApp
from tools.runner.config.paths import RunDir
from tools.runner.config.start_plan import StartPlan
from tools.runner.supervisor import replica_group, scaling
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
        self.secret = "first"
        self.system = Supervisor(StartPlan(run, port=0))
        self.names = RecordedNames(self.notes.append)
        self.changes = 0
        monkeypatch.setattr(self.system, "names", self.names)
        monkeypatch.setattr(self.system.servers, "redeliver", self._redeliver)
        self.system.replicas.settings = RunSettings(run, run.path, run.path, {}, "")
        monkeypatch.setattr(replica_group, "app_spec", lambda each, _: self.spec(each.name, run))
        monkeypatch.setattr(
            replica_group, "sidecar_spec", lambda each, _: self.spec(each.sidecar_name, run)
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
        env = {**os.environ, "SECRET": self.secret}
        return ProcessSpec(name, argv, run.path, env, probe, stop_timeout=0.3)

    async def start(self, count: int) -> None:
        for number in range(count):
            replica = self.system.replicas.create(POSTS, number)
            self.system.replicas.launch(replica)
            await self.system.replicas.wait_until_ready([replica])
            self.names.found.add(replica.internal_address)
        self.system.is_started = True

    def said(self, name: str) -> str:
        log = self.system.plan.run.logs / f"{name}.log"
        return log.read_text() if log.exists() else ""

    @property
    def replicas(self) -> Sequence[ServiceReplica]:
        return self.system.replicas.running

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
        return [
            each for replica in self.replicas for each in self.system.replicas.processes_of(replica)
        ]

    async def _redeliver(self, app_id: str) -> None:
        self.notes.append(f"redeliver {app_id}")

    def _count_change(self) -> None:
        self.changes += 1
