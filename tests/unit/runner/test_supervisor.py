"""What a start waits for: each sidecar for what it connects to, and for nothing else."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tools.runner.config.manifest import ManifestApp
from tools.runner.config.paths import RunDir
from tools.runner.config.start_plan import StartPlan
from tools.runner.config.topology import CONTROL_PLANE
from tools.runner.infra import servers, toolchain
from tools.runner.infra.servers import ManagedServer, ServerContext
from tools.runner.supervisor import replica_group
from tools.runner.supervisor.dashboard import Dashboard
from tools.runner.supervisor.process import ProcessSpec
from tools.runner.supervisor.supervisor import Supervisor

SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")


class Machine:
    """Processes that do nothing, and are ready when a test says so."""

    def __init__(self, run: RunDir) -> None:
        self.ready: set[str] = set()
        self.launched: set[str] = set()
        self._run = run

    def spec(self, name: str) -> ProcessSpec:
        async def probe() -> bool:
            self.launched.add(name)
            return name in self.ready

        return ProcessSpec(name, SLEEP, self._run.path, dict(os.environ), probe, stop_timeout=0.2)

    def set_up(self, name: str, _: ServerContext) -> ManagedServer:
        return ManagedServer(name, "127.0.0.1:1", self.spec(name))


@pytest.fixture
def machine(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(run)
    monkeypatch.setattr(servers, "set_up_server", machine.set_up)
    monkeypatch.setattr(toolchain, "require_tool", Path)
    monkeypatch.setattr(replica_group, "app_spec", lambda replica, _: machine.spec(replica.name))
    monkeypatch.setattr(
        replica_group, "sidecar_spec", lambda replica, _: machine.spec(replica.sidecar_name)
    )
    return machine


async def until(holds: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.02)


async def test_only_sidecars_that_run_workflows_wait_for_placement_and_scheduler(
    run: RunDir, machine: Machine
) -> None:
    starting = Supervisor(StartPlan(run, only=frozenset({"posts", "orders"}), port=0))
    start = asyncio.create_task(starting.start())
    try:
        await until(lambda: {"sentry", "nats", "posts", "orders"} <= machine.launched)
        waiting = {"posts.daprd", "orders.daprd", *CONTROL_PLANE}
        machine.ready.add("nats")
        assert not waiting & machine.launched, "sentry signs their certificates"
        machine.ready |= {"sentry", "etcd", "posts", "orders", "placement", "posts.daprd"}
        await until(lambda: {"posts.daprd", *CONTROL_PLANE} <= machine.launched)
        assert "orders.daprd" not in machine.launched
        machine.ready.add("scheduler")
        await until(lambda: "orders.daprd" in machine.launched)
        assert not start.done()
        machine.ready.add("orders.daprd")
        await asyncio.wait_for(start, 60)
    finally:
        start.cancel()
        await starting.stop()


async def test_a_start_of_servers_only_waits_for_them(
    run: RunDir, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools: list[str] = []
    monkeypatch.setattr(toolchain, "require_tool", tools.append)
    alone = Supervisor(StartPlan(run, components="rabbitmq-redis", infra_only=True))
    machine.ready |= {"rabbitmq", "redis", "etcd", *CONTROL_PLANE}
    try:
        await asyncio.wait_for(alone.start(), 60)
        assert machine.launched == machine.ready
        assert tools == [], "no daprd is built for those who have one"
    finally:
        await alone.stop()


@pytest.mark.parametrize("observe", [True, False])
def test_a_replica_that_is_added_later_has_metrics_as_the_others_do(
    run: RunDir, observe: bool
) -> None:
    system = Supervisor(StartPlan(run, port=0, observe=observe))
    added = system.replicas.create(ManifestApp("posts", run.path, ("x",)), 1)
    assert added.name == "posts.2"
    assert (added.metrics_port is not None) is observe


@pytest.mark.parametrize("dies", [False, True])
async def test_a_dashboard_that_is_never_ready_or_dies_delays_no_start(
    run: RunDir, machine: Machine, monkeypatch: pytest.MonkeyPatch, dies: bool
) -> None:
    def spec(shown: Dashboard) -> ManagedServer:
        made = machine.spec("dashboard")
        argv = (sys.executable, "-c", "raise SystemExit(3)") if dies else made.argv
        return ManagedServer("dashboard", f"127.0.0.1:{shown.port}", replace(made, argv=argv))

    monkeypatch.setattr(Dashboard, "server", spec)
    plan = StartPlan(run, components="rabbitmq-redis", only=frozenset({"posts"}), dashboard=True)
    system = Supervisor(plan)
    start = asyncio.create_task(system.start())
    try:
        await until(lambda: {"sentry", "posts"} <= machine.launched)
        machine.ready |= {"sentry", "rabbitmq", "redis", "posts", "posts.daprd"}
        async with asyncio.timeout(60):
            await start
        rows = {row["service"]: row for row in system.report()["infra"]}
        assert rows["dashboard"]["state"] in ("starting", "backoff")
        if dies:
            await until(lambda: system.report()["infra"][-1]["restarts"] > 1)
        assert {row["state"] for name, row in rows.items() if name != "dashboard"} == {"ready"}
    finally:
        start.cancel()
        await system.stop()


def test_the_dashboard_takes_another_port_if_its_own_is_taken(run: RunDir) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        plan = StartPlan(run, dashboard=True, dashboard_port=port)
        shown = Dashboard.planned(plan, iter([41_999]))
    assert shown is not None
    assert shown.port == 41_999
    assert Dashboard.planned(StartPlan(run), iter([])) is None
    default = Dashboard.planned(StartPlan(run, dashboard=True), iter([41_998]))
    assert default is not None
    assert default.port == 41_998  # a second system


def test_spans_go_to_the_dashboard_with_a_token_that_opens_nothing_else(run: RunDir) -> None:
    shown = Dashboard(run, 8_090)
    tracing = shown.tracing(None)
    assert tracing is not None
    assert (tracing.endpoint, tracing.ratio) == ("http://127.0.0.1:8090", 1.0)
    token = shown.address_with_token().partition("token=")[2]
    assert token not in tracing.headers["authorization"]
    assert shown.tracing(0) is None
