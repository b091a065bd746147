"""Placement and scheduler are there for those who run workflows, and for nobody else."""

from __future__ import annotations

import itertools
from pathlib import Path

from tools.runner.control_plane import placement, scheduler
from tools.runner.manifest import App
from tools.runner.paths import RunDir
from tools.runner.topology import CONTROL_PLANE, read_topology
from tools.runner.units import Setting, Unit, make_unit, sidecar_spec


def test_only_workflows_need_them() -> None:
    topology = read_topology()
    assert topology.control_plane(["gateway", "posts"]) == ()
    assert topology.control_plane([]) == ()
    assert topology.control_plane(["gateway", "orders"]) == CONTROL_PLANE


def test_only_sidecars_of_workflows_are_told_of_them(run: RunDir) -> None:
    addresses = {name: f"127.0.0.1:{port}" for port, name in enumerate(CONTROL_PLANE, 5000)}
    setting = Setting(run, Path("daprd"), Path(), Path(), "", addresses, read_topology().workflows)
    told = {
        name: [each for each in sidecar_spec(unit(name), setting).argv if "-host-address" in each]
        for name in ("posts", "orders")
    }
    assert told["posts"] == []
    assert told["orders"] == [f"--{name}-host-address={addresses[name]}" for name in CONTROL_PLANE]


def test_they_listen_on_loopback_on_ports_of_their_own_and_write_into_the_run_directory(
    run: RunDir,
) -> None:
    ports = itertools.count(5000)
    seen = []
    for make in (placement, scheduler):
        spec, port = make(run, Path, ports)
        seen += [word for word in spec.argv if "=" in word]
        assert f"--port={port}" in spec.argv
    listening = [word for word in seen if "listen-address" in word]
    assert len(listening) == 5
    assert all(word.endswith("=127.0.0.1") for word in listening)
    numbers = [word.rpartition(":")[2] for word in seen if "cluster=" in word]
    numbers += [word.partition("=")[2] for word in seen if "port=" in word and ":" not in word]
    assert len(set(numbers)) == len(numbers) == 7
    assert f"--etcd-data-dir={run.path / 'scheduler'}" in seen


def unit(name: str) -> Unit:
    app = App(name, Path(), ("x",), None, None, "4Mi")
    return make_unit(app, 0, 4000, itertools.count(4001))
