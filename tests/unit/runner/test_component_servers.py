"""Which servers the runner starts for a component set."""

from __future__ import annotations

import pytest

from tools.runner.config.components import load_set
from tools.runner.infra.servers import needed_servers


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("redis-streams", ("redis",)),
        ("rabbitmq-redis", ("rabbitmq", "redis")),
        ("embedded", ("nats",)),
        ("jetstream-postgresql", ("nats", "postgresql")),
        ("rabbitmq-postgresql", ("postgresql", "rabbitmq")),
        ("rabbitmq-mariadb", ("mariadb", "rabbitmq")),
        ("mqtt-sqlite", ("mosquitto",)),
        ("kafka-sqlite", ("kafka",)),
        ("environment-secrets", ("rabbitmq", "redis")),
    ],
)
def test_the_servers_of_a_set_follow_from_its_components(
    name: str, expected: tuple[str, ...]
) -> None:
    assert needed_servers(load_set(name)) == expected
