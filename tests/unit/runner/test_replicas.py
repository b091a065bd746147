"""A replica gets the ports and the options of daprd that the manifest names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tools.runner.config.manifest import ManifestApp, ManifestPort
from tools.runner.config.paths import REPO, RunDir
from tools.runner.config.start_plan import StartPlan
from tools.runner.errors import RunnerError
from tools.runner.infra import ports
from tools.runner.supervisor.replicas import (
    RunSettings,
    ServiceReplica,
    create_replica,
    sidecar_spec,
)
from tools.runner.supervisor.supervisor import Supervisor

PORTS = {
    "app-port": 8104,
    "dapr-http-port": 3504,
    "dapr-grpc-port": 3604,
    "dapr-internal-grpc-port": 3704,
    "metrics-port": 9104,
    "profile-port": 7104,
}


def posts(**given: Any) -> ManifestApp:
    return ManifestApp("posts", Path(), ("x",), **given)


def command_line(replica: ServiceReplica, run: RunDir) -> dict[str, str]:
    settings = RunSettings(run, Path("daprd"), Path("r"), {"posts": Path("c")}, "")
    words = sidecar_spec(replica, settings).argv[1:]
    return dict(word.removeprefix("--").split("=", 1) for word in words)


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda _: True)


def replicas(run: RunDir, port: int | None = None) -> list[ServiceReplica]:
    named = {option: ManifestPort(number, "dapr.yaml:1") for option, number in PORTS.items()}
    group = Supervisor(StartPlan(run, replicas={"posts": 2}, port=port)).replicas
    group.create_all([posts(ports=named)])
    return group.running


def test_options_of_the_manifest_replace_those_of_the_runner(run: RunDir) -> None:
    app = posts(options={"log-level": "debug", "dapr-listen-addresses": "127.0.0.1,::1"})
    options = command_line(create_replica(app, 0, lambda _: 4000), run)
    assert options["log-level"] == "debug"
    assert options["dapr-listen-addresses"] == "127.0.0.1,::1"
    assert options["enable-metrics"] == "false"
    assert "profile-port" not in options


@pytest.mark.usefixtures("free")
def test_the_default_system_listens_where_the_manifest_says() -> None:
    run = RunDir(REPO / ".run")
    first, second = (command_line(replica, run) for replica in replicas(run))
    assert {option: int(first[option]) for option in PORTS} == PORTS
    assert first["enable-metrics"] == "true"
    assert not {int(second[option]) for option in PORTS} & set(PORTS.values())


def test_a_plan_with_metrics_of_sidecars_gives_each_a_port_on_loopback(run: RunDir) -> None:
    ports_ = iter(range(4000, 4100))
    replica = create_replica(posts(), 0, lambda _: next(ports_), has_metrics=True)
    options = command_line(replica, run)
    assert options["enable-metrics"] == "true"
    assert options["metrics-port"] == str(replica.metrics_port)
    assert options["metrics-listen-address"] == "127.0.0.1"
    plan = StartPlan(run, replicas={"posts": 2}, port=0, observe=True)
    group = Supervisor(plan).replicas
    group.create_all([posts()])
    both = [each.metrics_port for each in group.running]
    assert None not in both
    assert len(set(both)) == 2


@pytest.mark.usefixtures("free")
def test_a_second_system_listens_on_free_ports(run: RunDir) -> None:
    for replica in (*replicas(run), *replicas(RunDir(REPO / ".run"), port=0)):
        options = command_line(replica, run)
        assert not {int(options[option]) for option in PORTS} & set(PORTS.values())


def test_a_taken_port_is_refused_with_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda port: port != 3504)
    with pytest.raises(RunnerError, match=r"dapr\.yaml:1: port 3504 is taken by"):
        list(replicas(RunDir(REPO / ".run")))
