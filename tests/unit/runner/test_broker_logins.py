"""A service's login at a broker is good for its topics only."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from services.chassis.security.access_rules import read_access
from tools.runner.config.components import load_set
from tools.runner.config.paths import RunDir
from tools.runner.config.secrets import (
    MARIADB,
    MQTT,
    NATS,
    POSTGRESQL,
    RABBITMQ,
    SecretsFile,
    credentials,
)
from tools.runner.errors import RunnerError
from tools.runner.infra import mariadb, mosquitto, nats_server, postgresql, rabbitmq
from tools.runner.infra.servers import ManagedServer, ServerContext

ACCESS = read_access()
MOSQUITTO = base64.b64decode("Mv4llBxhFT2n6Mzi"), "0bf02ee8256b1fe7"
"""A salt, and a hash of what mosquitto_passwd 2.0.11 made of it and of the password "secret"."""


def context_of(run: RunDir) -> ServerContext:
    run.create()
    secrets = SecretsFile(run.secrets)
    secrets.create_missing()
    return ServerContext(
        run,
        secrets,
        itertools.count(20_000),
        Path,
        documents=load_set("embedded"),
        access=ACCESS,
    )


@pytest.fixture
def context(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> ServerContext:
    for module in (mariadb, mosquitto, postgresql, rabbitmq):
        monkeypatch.setattr(module, "require_program", lambda name, package="": name)
    monkeypatch.setattr(mariadb, "_create", lambda data: data.mkdir())
    monkeypatch.setattr(postgresql, "_create", lambda _, data: data.mkdir(exist_ok=True))
    monkeypatch.setattr(postgresql, "_not_root", lambda: ())
    monkeypatch.setattr(postgresql, "_run", lambda *_: "")
    return context_of(run)


def nats_users(context: ServerContext) -> dict[str, dict[str, Any]]:
    conf = (context.run.path / "nats.conf").read_text()
    (users,) = re.findall(r"^authorization \{ users: (.*) \}$", conf, re.MULTILINE)
    return {user["user"]: user for user in json.loads(users)}


def rabbitmq_permissions(context: ServerContext) -> dict[str, dict[str, str]]:
    content = json.loads((context.run.path / "rabbitmq" / "definitions.json").read_text())
    assert {user["name"] for user in content["users"]} == {"microgram", *ACCESS}
    return {each["user"]: each for each in content["permissions"]}


@pytest.mark.parametrize(
    ("set_up", "secret"),
    [
        (nats_server.set_up, NATS),
        (rabbitmq.set_up, RABBITMQ),
        (mosquitto.set_up, MQTT),
        (postgresql.set_up, POSTGRESQL),
        (mariadb.set_up, MARIADB),
    ],
)
def test_each_service_has_a_login_that_it_keeps(
    set_up: Any, secret: str, context: ServerContext
) -> None:
    server: ManagedServer = set_up(context)
    assert server.logins == {secret}
    made = {app: credentials(context.secrets[f"{secret}-{app}"]) for app in ACCESS}
    assert [user for user, _ in made.values()] == list(ACCESS)
    assert len({own for _, own in made.values()}) == len(ACCESS)
    set_up(context_of(context.run))
    again = SecretsFile(context.run.secrets)
    assert {app: credentials(again[f"{secret}-{app}"]) for app in ACCESS} == made


def test_nats_lets_a_service_publish_its_topics_only(context: ServerContext) -> None:
    nats_server.set_up(context)
    users = nats_users(context)
    assert "permissions" not in users["microgram"]
    for app, own in ACCESS.items():
        permissions = users[app]["permissions"]
        assert permissions["subscribe"] == {"allow": ["_INBOX.>"]}
        topics = {each for each in permissions["publish"]["allow"] if not each.startswith("$JS.")}
        assert topics - {f"{app}-dead"} == own.publishes
        streams = {
            each.split(".")[5] for each in permissions["publish"]["allow"] if "DURABLE" in each
        }
        assert streams - {f"{app}-dead"} == own.subscribes


def test_rabbitmq_lets_a_service_use_its_topics_and_queues_only(context: ServerContext) -> None:
    rabbitmq.set_up(context)
    permissions = rabbitmq_permissions(context)
    topics = {topic for own in ACCESS.values() for topic in own.publishes}
    queues = {f"{app}-{topic}" for app in ACCESS for topic in topics}
    for app, own in ACCESS.items():
        granted = permissions[app]
        assert {t for t in topics if re.fullmatch(granted["write"], t)} == own.publishes
        assert {t for t in topics if re.fullmatch(granted["read"], t)} == own.subscribes
        for what in ("configure", "write", "read"):
            usable = {queue for queue in queues if re.fullmatch(granted[what], queue)}
            assert usable == {f"{app}-{topic}" for topic in own.subscribes if app != "gateway"}
        assert bool(re.fullmatch(granted["read"], "broadcast-1-posts")) == (app == "gateway")


def test_mosquitto_lets_a_service_use_its_topics_only(context: ServerContext) -> None:
    mosquitto.set_up(context)
    blocks = (context.run.path / "mosquitto.rules").read_text().strip().split("\n\n")
    rules = {lines[0].removeprefix("user "): lines[1:] for lines in map(str.splitlines, blocks)}
    assert rules.keys() == ACCESS.keys()
    for app, own in ACCESS.items():
        granted = {line.removeprefix("topic ") for line in rules[app]}
        published = {f"write {topic}" for topic in own.publishes}
        delivered = {f"read {topic}" for topic in own.subscribes}
        dead_letters = {f"write {app}-dead", f"read {app}-dead"}
        assert granted - dead_letters == published | delivered


def test_a_password_of_mosquitto_is_hashed_as_it_checks_it() -> None:
    salt, expected = MOSQUITTO
    made = mosquitto.password_hash("secret", salt)
    assert hashlib.sha256(made.encode()).hexdigest()[:16] == expected


@pytest.mark.parametrize(
    ("set_up", "secret", "url", "address"),
    [
        (mosquitto.set_up, MQTT, "mqtt://me:mine@mqtt.example:1883", "mqtt.example:1883"),
        (postgresql.set_up, POSTGRESQL, "postgres://me:mine@db:5432/own", "db:5432"),
        (mariadb.set_up, MARIADB, "me:mine@tcp(10.0.0.7:3306)/", "10.0.0.7:3306"),
    ],
)
def test_a_server_of_somebody_else_is_used_where_the_secret_names_it(
    set_up: Any, secret: str, url: str, address: str, context: ServerContext
) -> None:
    context.secrets.set(secret, url)
    server: ManagedServer = set_up(context)
    assert (server.spec, server.address, server.logins) == (None, address, frozenset())
    context.secrets.set(secret, "no address")
    with pytest.raises(RunnerError, match="names no host and port"):
        set_up(context)
