"""A service's login at a broker is good for its topics only."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from services.chassis.security.access_rules import read_access
from tools.runner.config.components import load_set
from tools.runner.config.paths import RunDir
from tools.runner.config.secrets import NATS, RABBITMQ, SecretsFile, credentials
from tools.runner.infra import nats_server, rabbitmq
from tools.runner.infra.servers import ManagedServer, ServerContext

ACCESS = read_access()


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
    monkeypatch.setattr(rabbitmq, "require_program", lambda name: name)
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
    ("set_up", "secret"), [(nats_server.set_up, NATS), (rabbitmq.set_up, RABBITMQ)]
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
