"""A daprd with the options of `dapr run` for placement and scheduler.

Without them its engine says what it lacks; it runs workflows once `infra up` has started them.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.contract.echo_app import WORKER, create_echo_app
from tests.contract.systems import REPO, await_value
from tests.fakes import FakeCluster
from tools.runner.config.paths import RunDir
from tools.runner.config.secrets import SecretsFile
from tools.runner.config.topology import ETCD
from tools.runner.http_client import http_probe, request, tcp_probe
from tools.runner.infra import control_plane, servers, toolchain
from tools.runner.infra.ports import free_ports
from tools.runner.supervisor.process import ManagedProcess, ProcessSpec

PATIENCE = 120.0

_STORE = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: statestore}
spec:
  type: state.in-memory
  version: v1
  metadata: [{name: actorStateStore, value: "true"}]
"""


class Lonely(Protocol):
    """An app with workflows beside an engine that misses a server at first."""

    async def ask(self, method: str, path: str, body: str = "") -> tuple[int, Any]:
        """Return status and body of a response of the app."""

    async def provide(self, name: str) -> None:
        """Start placement or the scheduler."""


class LonelyFake:
    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster
        cluster.history(WORKER).missing_service = "placement service"

    async def ask(self, method: str, path: str, body: str = "") -> tuple[int, Any]:
        content: dict[str, Any] = {"json": body} if body else {}
        (running,) = self._cluster.running
        answer = await running.call(method, path, caller="alpha", deadline=PATIENCE, **content)
        return answer.status, answer.json()

    async def provide(self, name: str) -> None:
        self._cluster.history(WORKER).missing_service = {"placement": "scheduler", "scheduler": ""}[
            name
        ]


class LonelyDaprd:
    """Processes as `dapr run` and `infra up` start them, on other ports."""

    def __init__(self, run: RunDir, stack: AsyncExitStack) -> None:
        self._run = run
        self._stack = stack
        self._ports = free_ports()
        self._app_port = next(self._ports)
        secrets = SecretsFile(run.secrets)
        self.context = servers.ServerContext(
            run, secrets, self._ports, toolchain.require_tool, standard_ports=True
        )

    async def start(self) -> None:
        (self._run.path / "resources").mkdir()
        (self._run.path / "resources" / "store.yaml").write_text(_STORE)
        http_port, grpc_port = next(self._ports), next(self._ports)
        env = {"APP_ID": WORKER, "APP_PORT": str(self._app_port)}
        env |= {"DAPR_HTTP_PORT": str(http_port), "DAPR_GRPC_PORT": str(grpc_port)}
        env |= {"MICROGRAM_INSECURE": "1"}  # as in `dapr run` without tokens
        app = (sys.executable, "-m", "tests.contract.echo_app")
        await self._begin("app", app, http_probe(self._app_port, "/healthz"), env)
        options = {
            "app-id": WORKER,
            "app-port": self._app_port,
            "dapr-http-port": http_port,
            "dapr-grpc-port": grpc_port,
            "resources-path": self._run.path / "resources",
            "enable-metrics": "false",
            "dapr-graceful-shutdown-seconds": 1,
        }
        for name, port in control_plane.STANDARD_PORTS.items():
            options[f"{name}-host-address"] = f"localhost:{port}"
        argv = (
            str(toolchain.require_tool("daprd")),
            *(f"--{key}={to}" for key, to in options.items()),
        )
        await self._begin("daprd", argv, tcp_probe(http_port), {})

    async def _begin(self, name: str, argv: tuple[str, ...], probe: Any, env: Any) -> None:
        await self._supervise(ProcessSpec(name, argv, REPO, dict(os.environ) | env, probe))

    async def _supervise(self, spec: ProcessSpec) -> None:
        process = ManagedProcess(spec, self._run.logs)
        self._stack.push_async_callback(process.stop)
        process.start()
        async with asyncio.timeout(PATIENCE):
            await process.is_ready.wait()

    async def ask(self, method: str, path: str, body: str = "") -> tuple[int, Any]:
        sent = json.dumps(body).encode() if body else b""
        headers = {"Content-Type": "application/json", "dapr-caller-app-id": "alpha"}
        try:
            status, said = await request(self._app_port, path, method, headers, PATIENCE, sent)
        except OSError as error:
            return 0, str(error)
        return status, json.loads(said)

    async def provide(self, name: str) -> None:
        if name == "scheduler":
            etcd = servers.set_up_server(ETCD, self.context)
            assert etcd.spec is not None
            await self._supervise(etcd.spec)
        server = servers.set_up_server(name, self.context)
        assert server.spec is not None
        assert server.address == f"127.0.0.1:{control_plane.STANDARD_PORTS[name]}"
        await self._supervise(server.spec)


@pytest.fixture
def cli_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Free ports instead of the CLI's, which another system may use."""
    ports = free_ports()
    others = {name: next(ports) for name in control_plane.STANDARD_PORTS}
    monkeypatch.setattr(control_plane, "STANDARD_PORTS", others)


@asynccontextmanager
async def lonely_daprd(folder: Path) -> AsyncIterator[LonelyDaprd]:
    run = RunDir(folder / "run")
    run.create()
    async with AsyncExitStack() as stack:
        daprd = LonelyDaprd(run, stack)
        await daprd.start()
        yield daprd


@pytest.fixture(params=["fakes", "daprd"])
async def lonely(
    request: pytest.FixtureRequest, tmp_path: Path, cli_ports: None
) -> AsyncIterator[Lonely]:
    if request.param == "daprd":
        async with lonely_daprd(tmp_path) as daprd:
            yield daprd
    else:
        async with FakeCluster() as cluster:
            await cluster.start(create_echo_app, WORKER)
            yield LonelyFake(cluster)


async def test_an_engine_says_what_it_lacks_and_runs_workflows_once_that_is_there(
    lonely: Lonely,
) -> None:
    async def trouble() -> str:
        _, said = await lonely.ask("GET", "/workflows/engine/trouble")
        return str(said)

    await await_value(trouble, lambda said: "to a placement service" in said, within=PATIENCE)
    await lonely.provide("placement")
    await await_value(trouble, lambda said: "to a scheduler" in said, within=PATIENCE)
    started = asyncio.create_task(lonely.ask("POST", "/workflows/chain/one", "x"))
    await lonely.provide("scheduler")
    await await_value(trouble, lambda said: said == "", within=PATIENCE)
    await started

    async def run() -> Any:
        await lonely.ask("POST", "/workflows/chain/one", "x")
        return (await lonely.ask("GET", "/workflows/one"))[1]

    done = await await_value(
        run, lambda run: run and run.get("status") == "completed", within=PATIENCE
    )
    assert done["output"] == ["x-a", "x-b", "x-c"]
    if isinstance(lonely, LonelyDaprd):
        for name in control_plane.STANDARD_PORTS:
            found = servers.set_up_server(name, lonely.context)
            assert found.spec is None, "what listens there is used"
            assert name in found.owner
