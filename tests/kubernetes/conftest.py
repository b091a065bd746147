from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.chassis.security.access_rules import read_access
from tests.kubernetes import network
from tests.kubernetes.cluster import Cluster, running_cluster
from tests.kubernetes.dapr import Dapr
from tests.unit.deploy.overlays import OVERLAYS
from tools.kubernetes import programs
from tools.kubernetes.files import FOLDER
from tools.kubernetes.secrets import secrets_of
from tools.runner.commands.checks import OWN_MOUNTS
from tools.runner.config.paths import RunDir


class Deployed:
    """A cluster with Dapr and one overlay in it."""

    def __init__(self, overlay: str, cluster: Cluster, dapr: Dapr, said: str) -> None:
        self.overlay, self.cluster, self.dapr, self.said = overlay, cluster, dapr, said


@pytest.fixture(scope="session", params=OVERLAYS)
def deployed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp(request.param)
    is_own = OWN_MOUNTS in os.environ and network.is_own()
    if not is_own or not os.access(programs.program("kube-apiserver"), os.X_OK):
        pytest.skip("needs a cluster in a network of its own: ./tye-like-run.sh test --kubernetes")
    network.open_loopback()
    with running_cluster(folder) as cluster:
        dapr = Dapr(cluster)
        dapr.start()
        cluster.kubectl("apply", "-f", str(FOLDER / "base" / "namespace.yaml"))
        cluster.kubectl("apply", "-f", "-", given=_secrets(folder))
        yield Deployed(request.param, cluster, dapr, cluster.apply_overlay(request.param))


def _secrets(folder: Path) -> str:
    run = RunDir(folder / "run")
    run.create()
    return secrets_of(run, read_access())
