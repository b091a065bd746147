"""A sidecar whose secrets are in its environment has those of its own service only."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.chassis.security.access_rules import Access, read_access
from tests.unit.runner.test_replicas import posts
from tools.runner.config.components import SetRenderer, load_set
from tools.runner.config.environment_secrets import environment_secrets
from tools.runner.config.paths import RunDir
from tools.runner.supervisor.replicas import RunSettings, create_replica, sidecar_spec

SECRETS = {
    "jwt-signing-keys": "keys",
    "payments-webhook-secret": "hook",
    "rabbitmq-connection-auth": "amqp://auth",
    "rabbitmq-connection-posts": "amqp://posts",
    "redis-password": "redis",
}


@pytest.fixture
def access() -> Access:
    return read_access()


def variables(name: str, app: str, run: RunDir, access: Access) -> dict[str, str]:
    renderer = SetRenderer(run, access, logins={"rabbitmq-connection"})
    folder = renderer.write_set(load_set(name)) / app
    return environment_secrets(folder, access[app], SECRETS)


def test_a_sidecar_gets_what_its_service_may_read_and_its_components_need(
    run: RunDir, access: Access
) -> None:
    assert variables("environment-secrets", "auth", run, access) == {
        "MICROGRAM_SECRET_jwt-signing-keys": "keys",
        "MICROGRAM_SECRET_rabbitmq-connection-auth": "amqp://auth",
        "MICROGRAM_SECRET_redis-password": "redis",
    }


def test_a_sidecar_with_secrets_in_a_file_gets_none(run: RunDir, access: Access) -> None:
    assert variables("rabbitmq-redis", "auth", run, access) == {}


def test_secrets_are_in_the_environment_and_not_on_the_command_line(run: RunDir) -> None:
    settings = RunSettings(
        run, Path("daprd"), Path("r"), {"posts": Path("c")}, "", secrets=lambda app: {"X": app}
    )
    spec = sidecar_spec(create_replica(posts(), 0, lambda _: 4000), settings)
    assert spec.env["X"] == "posts"
    assert "X" not in " ".join(spec.argv)
