"""Fixtures: the images, and one running project."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from services.chassis.security.access_rules import read_access
from tests.containers import images
from tests.containers.deployment import Deployment
from tests.containers.engine import Engine, missing_packages
from tests.system.system import GENEROUS
from tools.compose.files import component_documents
from tools.compose.secrets import create_secrets
from tools.runner.config.paths import REPO


@pytest.fixture(scope="session")
def engine() -> Engine:
    if missing := missing_packages():
        pytest.skip(f"{', '.join(missing)} must be installed (as root on Debian, the command does)")
    return Engine()


@pytest.fixture(scope="session")
def servers(engine: Engine) -> str:
    """The image of RabbitMQ and Redis; those of the project exist as well."""
    return images.build_all(engine)


@pytest.fixture(scope="session")
def deployment(
    engine: Engine, servers: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """The running project, every container of which is healthy."""
    folder = tmp_path_factory.mktemp("deployment")
    create_secrets(folder / "secrets", read_access(), component_documents("rabbitmq-redis"))
    port = _free_port()
    env = {
        "MICROGRAM_IMAGE": images.SERVICES,
        "MICROGRAM_DAPR_IMAGE": images.DAPR,
        "RABBITMQ_IMAGE": servers,
        "REDIS_IMAGE": servers,
        "MICROGRAM_SECRETS": str(folder / "secrets"),
        "MICROGRAM_PORT": str(port),
        "MICROGRAM_PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    project = [REPO / "deploy/compose.yaml", _without_limits(folder)]
    engine.compose(project, env, "down", "--volumes")
    try:
        engine.compose(project, env, "up", "--detach")
        deployment = Deployment(engine, f"http://127.0.0.1:{port}", folder)
        deployment.await_healthy()
        yield deployment
    finally:
        engine.compose(project, env, "down", "--volumes")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def _without_limits(folder: Path) -> Path:
    """Write what lifts the rate limits of the gateway."""
    path = folder / "limits.yaml"
    path.write_text(yaml.safe_dump({"services": {"gateway": {"environment": GENEROUS}}}))
    return path
