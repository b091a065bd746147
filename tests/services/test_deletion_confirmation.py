"""No service erases anything of an account that auth has not deleted, whatever an event says."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.chassis.security.access_rules import read_access
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.contracts.events import ACCOUNT_CHANGED, LOGIN_REGISTERED, EventType
from tests.fakes import APP_TOKEN, FakeCluster, RunningReplica
from tools.contracts.__main__ import SERVICES, settings_of

USER, OTHER = "115581273340018689", "115581273340018690"
CONSUMERS = sorted(read_access()["auth"].calls["GET /deletions"])
"""Who asks auth for deletions."""


def deletion(event_type: EventType[Any], user: str, named: str, source: str = "") -> dict[str, Any]:
    names = {"id": named, "user_id": named}
    data = {"username": "", "created_at": "", "deleted": True, **names}
    return {
        "id": f"forged {user}",
        "type": event_type.name,
        "source": source or event_type.producer,
        "subject": user,
        "stream": "s",
        "sequence": 1,
        "entityversion": 9,
        "data": data,
    }


@pytest.fixture
async def cluster() -> AsyncIterator[FakeCluster]:
    async with FakeCluster() as cluster:
        yield cluster


async def start(cluster: FakeCluster, name: str) -> RunningReplica:
    module = importlib.import_module(f"services.{name}.app")
    own: Any = type(settings_of(module, name))

    def create(settings: Settings) -> Any:
        kept = own(**settings.model_dump(include={"app_id", "app_port"}), app_api_token=APP_TOKEN)
        return module.create_app(Service(kept))

    return await cluster.start(create, name)


def event_of(name: str) -> EventType[Any]:
    return LOGIN_REGISTERED if name == "users" else ACCOUNT_CHANGED


def documents(cluster: FakeCluster, name: str) -> dict[str, Any]:
    state = cluster.state(name)
    kept = {key: state.peek(key) for key in state.keys("")}
    return {
        k: v
        for k, v in kept.items()
        if not k.startswith(("dead-letter", "inbox", "outbox", "reindexed"))
    }


async def dead_letters(running: RunningReplica) -> list[Any]:
    found: list[Any] = (await running.operate("GET", "/deadletters")).json()
    return found


def test_every_consumer_of_accounts_is_among_these() -> None:
    found = set()
    for name in SERVICES:
        module = importlib.import_module(f"services.{name}.app")
        service = Service(settings_of(module, name))
        module.create_app(service)
        topics = service.inbox.subscriptions.keys() - service.outboxes.keys()
        if topics & {"accounts", "logins"}:
            found.add(name)
    assert found == set(CONSUMERS)


@pytest.mark.parametrize("name", CONSUMERS)
@pytest.mark.parametrize("named", [USER, OTHER], ids=["itself", "another one"])
async def test_a_deletion_that_auth_does_not_know_of_is_a_dead_letter(
    cluster: FakeCluster, name: str, named: str
) -> None:
    running = await start(cluster, name)
    cluster.auth.not_deleted = {named}
    before = documents(cluster, name)
    event_type = event_of(name)
    assert await running.deliver(event_type.topic, deletion(event_type, USER, named)) == "SUCCESS"
    (letter,) = await dead_letters(running)
    assert "auth did not delete this user" in letter["why"]
    assert documents(cluster, name).keys() == before.keys()


@pytest.mark.parametrize("name", CONSUMERS)
async def test_a_deletion_waits_for_auth(cluster: FakeCluster, name: str) -> None:
    running = await start(cluster, name)
    event_type = event_of(name)
    event = deletion(event_type, USER, USER)
    running.sidecar.faults.fail("invoke", about="auth/deletions", times=3)
    assert await running.deliver(event_type.topic, event) == "RETRY"
    assert await running.deliver(event_type.topic, event) == "SUCCESS"
    assert await dead_letters(running) == []


@pytest.mark.parametrize("name", CONSUMERS)
async def test_an_event_of_another_source_than_the_producer_is_a_dead_letter(
    cluster: FakeCluster, name: str
) -> None:
    running = await start(cluster, name)
    event_type = event_of(name)
    forged = deletion(event_type, USER, USER, source="comments")
    assert await running.deliver(event_type.topic, forged) == "SUCCESS"
    (letter,) = await dead_letters(running)
    assert letter["why"] == f"{event_type.name} is from comments, not {event_type.producer}."
    assert not [call for call in running.sidecar.faults.calls if "deletions" in call.about]
