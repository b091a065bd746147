"""The systems under test of the contract suites: fakes in this process, or real sidecars.

Both have the apps `alpha` (one replica), `beta` (two), `KILLABLE` and `WORKER`, which are
`tests.contract.echo_app`.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import aiohttp
import yaml

from services.chassis.dapr.client import DaprClient
from services.chassis.security.access_rules import OPERATOR_HEADER
from tests.contract.echo_app import ACCESS, WORKER, create_echo_app
from tests.fakes import OPERATOR_TOKEN, FakeCluster, RunningReplica
from tests.system.waiting import DEADLINE
from tools.runner.config.secrets import operator_headers

T = TypeVar("T")

REPO = Path(__file__).parents[2]
KILLABLE = "posts"
"""An app that may be killed, with a name that has rules in resiliency.yaml."""


@dataclass(frozen=True, slots=True)
class AppResponse:
    """The response of an app."""

    status: int
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class ReplicaUnderTest(Protocol):
    """One process of an app, called directly and not through its sidecar."""

    async def ask(self, method: str, path: str, *, vouched: bool = True) -> AppResponse: ...


class SystemUnderTest(Protocol):
    """Two apps with their sidecars and servers."""

    is_real: bool

    def sidecar(self, app: str = "alpha") -> AbstractAsyncContextManager[DaprClient]:
        """Return a client of an app's sidecar."""

    def replicas(self, app: str) -> list[ReplicaUnderTest]:
        """Return the processes of an app."""

    def operator_headers(self) -> dict[str, str]:
        """Return the headers by which the operator proves who they are."""

    async def kill(self, process: str) -> None:
        """Kill an app, its sidecar (`orders.daprd`) or a server with SIGKILL; it restarts."""


# ── fakes ───────────────────────────────────────────────────────────────────────────────────────


class FakeReplica:
    def __init__(self, running: RunningReplica) -> None:
        self._running = running

    async def ask(self, method: str, path: str, *, vouched: bool = True) -> AppResponse:
        caller = "alpha" if self._running.name != "alpha" else "beta"
        if vouched:
            response = await self._running.call(method, path, caller=caller)
        else:
            response = await self._running.public(method, path)
        return AppResponse(response.status, response.body)


class FakeSystem:
    is_real = False

    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster

    async def start(self) -> None:
        self._cluster.secrets["nats-url"] = "nats://somewhere"
        self._cluster.history(WORKER).pace = 1.0
        for app in ("alpha", "beta", "beta", KILLABLE, WORKER):
            await self._cluster.start(create_echo_app, app)

    def sidecar(self, app: str = "alpha") -> AbstractAsyncContextManager[DaprClient]:
        return self._cluster.sidecar(app)

    def replicas(self, app: str) -> list[ReplicaUnderTest]:
        return [FakeReplica(running) for running in self._cluster.running if running.name == app]

    def operator_headers(self) -> dict[str, str]:
        return {OPERATOR_HEADER: OPERATOR_TOKEN}

    async def kill(self, process: str) -> None:
        app = process.removesuffix(".daprd")
        for running in [each for each in self._cluster.running if each.name == app]:
            await running.kill()
            await self._cluster.start(create_echo_app, app)


# ── the real thing ──────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class RealReplica:
    """A replica that the runner started."""

    app: str
    app_port: int
    sidecar_port: int
    app_token: str
    sidecar_token: str

    async def ask(self, method: str, path: str, *, vouched: bool = True) -> AppResponse:
        headers = {"dapr-caller-app-id": "alpha" if self.app != "alpha" else "beta"}
        if vouched:
            headers["dapr-api-token"] = self.app_token
        url = f"http://127.0.0.1:{self.app_port}{path}"
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, url, headers=headers) as response,
        ):
            return AppResponse(response.status, await response.read())


class RealSystem:
    """A system started by the runner, with a manifest of test apps in its own folder."""

    is_real = True

    def __init__(
        self, components: str, folder: Path, resources: Path = REPO / "components"
    ) -> None:
        self.components = components
        self.run_dir = folder / "run"
        self.processes: list[RealReplica] = []
        self._folder = folder
        self._resources = resources

    def start(self) -> None:
        manifest = self._folder / "dapr.yaml"
        manifest.write_text(yaml.safe_dump(_manifest(self._resources)))
        self._runner(
            *("up", "--detach", "--no-dashboard", "--port", "0", "--components", self.components),
            *("--manifest", str(manifest), "--access", str(ACCESS), "--replicas", "beta=2"),
        )
        state = json.loads((self.run_dir / "state.json").read_text())
        self.processes = [_process(row, state["tokens"]) for row in state["services"]]

    def stop(self) -> None:
        self._runner("down")

    def sidecar(self, app: str = "alpha") -> AbstractAsyncContextManager[DaprClient]:
        process = next(p for p in self.processes if p.app == app)
        return DaprClient(process.sidecar_port, process.sidecar_token)

    def replicas(self, app: str) -> list[ReplicaUnderTest]:
        return [process for process in self.processes if process.app == app]

    def operator_headers(self) -> dict[str, str]:
        return operator_headers(self.run_dir / "operator-token", "")

    async def entry(self, app: str) -> str:
        """Return the registration id of an app; it changes with each start of its sidecar."""
        with closing(self._names()) as names:
            found = names.execute("SELECT registration_id FROM hosts WHERE app_id = ?", [app])
            return str(found.fetchone()[0])

    @contextmanager
    def no_new_entries(self) -> Iterator[None]:
        """Prevent starting sidecars from registering their names inside the block."""
        with closing(self._names()) as names:
            names.execute("BEGIN EXCLUSIVE")
            yield
            names.execute("ROLLBACK")

    def _names(self) -> sqlite3.Connection:
        return sqlite3.connect(self.run_dir / "names.db", isolation_level=None)

    async def log(self, process: str) -> str:
        """Return the log of a process."""
        return (self.run_dir / "logs" / f"{process}.log").read_text()

    async def kill(self, process: str) -> None:
        report = json.loads(await asyncio.to_thread(self._runner, "ps", "--json"))
        rows = {row["service"]: row for row in [*report["services"], *report["infra"]]}
        row = rows[process.removesuffix(".daprd")]
        os.kill(row["sidecar_pid" if process.endswith(".daprd") else "pid"], signal.SIGKILL)

    def _runner(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "tools.runner", "--run-dir", str(self.run_dir)]
        done = subprocess.run(
            [*command, *arguments], cwd=REPO, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def _manifest(resources: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.contract.echo_app"]
    return {
        "version": 1,
        "common": {
            "resourcesPaths": [str(resources)],
            "configFilePath": str(REPO / "deploy/local/config.yaml"),
            "maxBodySize": "24Mi",
            "readBufferSize": "64Ki",
        },
        "apps": [
            {"appID": app, "appDirPath": str(REPO), "appPort": 9000 + i, "command": command}
            for i, app in enumerate(("alpha", "beta", KILLABLE, WORKER))
        ],
    }


def _process(row: dict[str, Any], tokens: dict[str, Any]) -> RealReplica:
    own = tokens[row["service"]]
    return RealReplica(
        app=row["app_id"],
        app_port=row["app_port"],
        sidecar_port=row["sidecar_port"],
        app_token=own["app"],
        sidecar_token=own["sidecar"],
    )


async def await_value(
    look: Callable[[], Awaitable[T]], good: Callable[[T], bool], *, within: float = DEADLINE
) -> T:
    """Return the first good value; fail at the deadline."""
    give_up_at = time.monotonic() + within
    while True:
        seen = await look()
        if good(seen):
            return seen
        assert time.monotonic() < give_up_at, f"after {within} s it is still {seen!r}"[:2000]
        await asyncio.sleep(0.02)
