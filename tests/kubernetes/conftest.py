from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.chassis.security.access_rules import read_access
from tests.kubernetes.cluster import Cluster, running_cluster
from tests.unit.deploy.overlays import OVERLAYS
from tools.kubernetes import programs
from tools.kubernetes.files import FOLDER
from tools.kubernetes.secrets import secrets_of
from tools.runner.config.paths import RunDir


class Deployed:
    """A cluster with one overlay in it."""

    def __init__(self, overlay: str, cluster: Cluster, said: str) -> None:
        self.overlay, self.cluster, self.said = overlay, cluster, said


@pytest.fixture(scope="session", params=OVERLAYS)
def deployed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp(request.param)
    if not os.access(programs.program("kube-apiserver"), os.X_OK):
        pytest.skip("needs an API server: ./tye-like-run.sh test --kubernetes builds one")
    with running_cluster(folder) as cluster:
        cluster.kubectl("apply", "-f", str(FOLDER / "base" / "namespace.yaml"))
        cluster.kubectl("apply", "-f", "-", given=_secrets(folder))
        yield Deployed(request.param, cluster, cluster.apply_overlay(request.param))


def _secrets(folder: Path) -> str:
    run = RunDir(folder / "run")
    run.create()
    return secrets_of(run, read_access())
