"""Placement and scheduler are there for those who run workflows, and for nobody else."""

from __future__ import annotations

import itertools
import os
import socket
from pathlib import Path

import pytest

from tools.runner.config.manifest import ManifestApp, read_manifest
from tools.runner.config.paths import REPO, RunDir
from tools.runner.config.secrets import SecretsFile
from tools.runner.config.start_plan import StartPlan
from tools.runner.config.topology import CONTROL_PLANE, ETCD, read_topology
from tools.runner.infra import control_plane, servers
from tools.runner.infra.control_plane import STANDARD_PORTS, ControlPlane
from tools.runner.infra.identities import Identities
from tools.runner.infra.servers import ServerContext
from tools.runner.output.tables import print_report
from tools.runner.supervisor.replicas import (
    RunSettings,
    ServiceReplica,
    create_replica,
    sidecar_spec,
)
from tools.runner.supervisor.report import SystemView, server_row


def test_only_workflows_need_them() -> None:
    topology = read_topology()
    assert topology.control_plane(["gateway", "posts"]) == ()
    assert topology.control_plane([]) == ()
    assert topology.control_plane(["gateway", "orders"]) == (ETCD, *CONTROL_PLANE)


def test_only_sidecars_with_workflows_get_their_addresses(run: RunDir) -> None:
    addresses = {name: f"127.0.0.1:{port}" for port, name in enumerate(CONTROL_PLANE, 5000)}
    settings = RunSettings(
        run,
        Path("daprd"),
        Path(),
        {"posts": Path(), "orders": Path()},
        "",
        addresses,
        read_topology().workflows,
    )
    arguments = {
        name: [
            each for each in sidecar_spec(replica(name), settings).argv if "-host-address" in each
        ]
        for name in ("posts", "orders")
    }
    assert arguments["posts"] == []
    assert arguments["orders"] == [
        f"--{name}-host-address={addresses[name]}" for name in CONTROL_PLANE
    ]


def test_they_listen_on_loopback_on_distinct_ports_and_write_into_the_run_directory(
    run: RunDir,
) -> None:
    ports = itertools.count(5000)
    dapr, identities = ControlPlane(run, Path, ports, None), Identities(run)
    servers = (dapr.placement(5100), dapr.scheduler(5101), dapr.sentry(5102, identities))
    seen = [word for server in servers for word in server.argv if "=" in word]
    listening = [word for word in seen if "listen-address" in word]
    assert len(listening) == 6
    assert all(word.endswith("=127.0.0.1") for word in listening)
    numbers = [word.rpartition(":")[2] for word in seen if "cluster=" in word]
    numbers += [word.partition("=")[2] for word in seen if "port=" in word and ":" not in word]
    assert len(set(numbers)) == len(numbers) == 7
    etcd = dapr.etcd()
    urls = [word.rpartition("=")[2] for word in etcd.argv if "url" in word]
    assert len(urls) == 4
    assert all(url.startswith("unix://etcd-") for url in urls), "it listens on no port"
    assert etcd.cwd == run.path
    assert any(word.startswith(f"--data-dir={run.path / 'scheduler'}") for word in etcd.argv)


def test_with_identities_they_admit_only_who_has_a_certificate_of_this_run(run: RunDir) -> None:
    identities = Identities(run)
    identities.create()
    identities.sentry_address = "127.0.0.1:5000"
    dapr = ControlPlane(run, Path, itertools.count(5001), identities)
    for server, name in ((dapr.placement(1), "placement"), (dapr.scheduler(2), "scheduler")):
        assert "--tls-enabled" in server.argv
        assert f"--trust-anchors-file={identities.trust_anchors}" in server.argv
        assert "--sentry-address=127.0.0.1:5000" in server.argv
        assert server.env["DAPR_SENTRY_TOKEN_FILE"].endswith(f"/dapr-{name}.jwt")
    assert not any(
        "tls" in word
        for word in ControlPlane(run, Path, itertools.count(1), None).placement(1).argv
    )


def context(run: RunDir, standard_ports: bool) -> ServerContext:
    ports, secrets = itertools.count(5000), SecretsFile(run.secrets)
    return ServerContext(run, secrets, ports, Path, standard_ports=standard_ports)


def test_a_plain_dapr_run_gets_them_on_the_ports_of_the_cli(run: RunDir) -> None:
    everything = read_manifest(REPO / "dapr.yaml")
    served = StartPlan(run, infra_only=True).served_apps(everything)
    assert read_topology().control_plane(app.app_id for app in served) == (ETCD, *CONTROL_PLANE)
    assert STANDARD_PORTS == {"placement": 50005, "scheduler": 50006}


def test_existing_servers_on_the_ports_of_the_cli_are_used_and_named(
    run: RunDir, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as theirs, socket.socket() as nobodys:
        for listener in (theirs, nobodys):
            listener.bind(("127.0.0.1", 0))
        theirs.listen()
        taken, free = theirs.getsockname()[1], nobodys.getsockname()[1]
        nobodys.close()
        ports = {"placement": taken, "scheduler": free}
        monkeypatch.setattr(control_plane, "STANDARD_PORTS", ports)
        found = {
            name: servers.set_up_server(name, context(run, standard_ports=True))
            for name in CONTROL_PLANE
        }
        own = [
            servers.set_up_server(name, context(run, standard_ports=False))
            for name in CONTROL_PLANE
        ]
    assert [server.address for server in own] == ["127.0.0.1:5000"] * 2
    assert found["placement"].spec is None
    assert found["scheduler"].spec is not None
    assert f"--port={free}" in found["scheduler"].spec.argv
    row = server_row(found["placement"], SystemView({}, [], {}, {}))
    assert row["state"] == "external"
    print_report({"services": [], "infra": [row]})
    (note,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note")]
    assert f"placement at 127.0.0.1:{taken} belongs to another process" in note
    assert f"(pid {os.getpid()}" in note


def replica(name: str) -> ServiceReplica:
    ports = itertools.count(4000)
    return create_replica(ManifestApp(name, Path(), ("x",)), 0, lambda _: next(ports))
