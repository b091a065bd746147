from __future__ import annotations

import pytest

from tests.unit.dashboard.asgi import running, send
from tests.unit.dashboard.fake_system import SyntheticSystem, fake_system
from tools.dashboard.app import create_app
from tools.dashboard.queries.dapr import (
    ComponentRow,
    SubscriptionRow,
    list_components,
    list_dead_letters,
    list_subscriptions,
    list_workflows,
    replay_dead_letters,
)
from tools.dashboard.queries.resources import change_resource, list_resources
from tools.dashboard.settings import Settings
from tools.dashboard.sources import Sources
from tools.runner.errors import RunnerError

INVOKE = "/v1.0/invoke/posts/method"


def add_dead_letters(system: SyntheticSystem) -> None:
    letters = [
        {"id": "a", "topic": "users", "why": "no such user", "at": "2026-11-29T12:00:01Z"},
        {"id": "b", "topic": "users", "why": "no name", "at": "2026-11-29T12:00:02Z", "event": {}},
    ]
    system.answers["GET", f"{INVOKE}/deadletters"] = letters
    system.answers["POST", f"{INVOKE}/deadletters/replay"] = {"replayed": 1, "failed": {"a": "no"}}


async def test_components_are_loaded_or_failed_since_the_last_start(sources: Sources) -> None:
    async with fake_system(sources.run):
        rows = await list_components(sources)
    reason = "initialization error occurred for statestore (state.sqlite/v1): disk is full"
    assert rows == (
        ComponentRow("posts.daprd", "pubsub", "pubsub.jetstream", "v1", "loaded"),
        ComponentRow("posts.daprd", "statestore", "state.sqlite", "v1", "failed", reason),
    )


async def test_subscriptions_are_those_that_the_service_tells_its_sidecar(
    sources: Sources,
) -> None:
    async with fake_system(sources.run) as system:
        assert await list_subscriptions(sources) == ()
        found = {"pubsubname": "pubsub", "topic": "users", "route": "/events/users"}
        system.answers["GET", "/dapr/subscribe"] = [found | {"deadLetterTopic": "posts-dead"}]
        rows = await list_subscriptions(sources)
    expected = SubscriptionRow("posts.daprd", "pubsub", "users", "/events/users", "posts-dead")
    assert rows == (expected,)
    assert system.asked[-1][1]["dapr-api-token"] == "token-of-the-application"


async def test_dead_letters_have_their_reason_and_are_replayed(sources: Sources) -> None:
    async with fake_system(sources.run) as system:
        assert "posts answers 404" in (await list_dead_letters(sources)).unreachable["posts"]
        add_dead_letters(system)
        found = await list_dead_letters(sources)
        assert [(each.id, each.why) for each in found.letters] == [
            ("b", "no name"),
            ("a", "no such user"),
        ]
        done = await replay_dead_letters(sources, "posts")
        assert done == {"replayed": 1, "failed": {"a": "no"}}
        headers = system.asked[-1][1]
        assert headers["microgram-operator-token"] == "token-of-the-operator"
        with pytest.raises(RunnerError, match="not running"):
            await replay_dead_letters(sources, "nothing")


async def test_workflows_are_none_without_their_service(sources: Sources) -> None:
    async with fake_system(sources.run):
        assert await list_workflows(sources) == ()


async def test_resources_say_why_a_process_waits(sources: Sources) -> None:
    async with fake_system(sources.run):
        report = await list_resources(sources)
    posts, sidecar, nats = report.resources
    assert report.is_running
    assert (posts.state, posts.cpu, posts.memory) == ("ready", 0.025, 70_000_000)
    assert (sidecar.name, sidecar.state, sidecar.restarts) == ("posts.daprd", "starting", 3)
    assert (sidecar.reason, sidecar.last_lines) == ("waits for nats", ("no servers available",))
    assert (nats.kind, nats.state) == ("server", "ready")
    left = await list_resources(sources)  # the runner has gone
    assert (left.is_running, {each.state for each in left.resources}) == (False, {"unknown"})


async def test_orders_go_to_the_runner(sources: Sources, settings: Settings) -> None:
    async with fake_system(sources.run) as system, running(create_app(settings)) as app:
        assert (await send(app, "POST", "/api/resources/posts/restart")).status == 200
        assert (await send(app, "POST", "/api/resources/posts/scale?count=3")).status == 200
        orders = [order for order in system.orders if order["verb"] != "report"]
        assert [(each["verb"], each["name"], each["count"]) for each in orders] == [
            ("restart", "posts", 1),
            ("scale", "posts", 3),
        ]
        for wrong in ("scale?count=0", "scale?count=51", "scale?count=x", "scale"):
            assert (await send(app, "POST", f"/api/resources/posts/{wrong}")).status == 400
        refused = await send(app, "POST", "/api/resources/posts/explode")
        assert (refused.status, "not an order" in refused.json()["error"]) == (409, True)
        system.refuses = 'no process is named "x"'
        answer = await send(app, "POST", "/api/resources/x/stop")
        assert (answer.status, answer.json()) == (409, {"error": 'no process is named "x"'})
    with pytest.raises(RunnerError, match="not running"):
        await change_resource(sources, "posts", "stop")


async def test_the_api_answers_for_every_part(sources: Sources, settings: Settings) -> None:
    async with fake_system(sources.run) as system, running(create_app(settings)) as app:
        add_dead_letters(system)
        for path in ("resources", "logs", "traces", "map", "metrics"):
            assert (await send(app, "GET", f"/api/{path}")).status == 200
        for part in ("components", "subscriptions", "dead-letters", "flows", "outbox", "workflows"):
            assert (await send(app, "GET", f"/api/dapr/{part}")).status == 200
        assert (await send(app, "GET", "/api/dapr/other")).status == 404
        assert (await send(app, "GET", "/api/logs?level=loud")).status == 400
        assert (await send(app, "GET", "/api/traces?min_ms=x")).status == 400
        replay = "/api/dapr/dead-letters/posts/replay"
        assert (await send(app, "POST", replay)).json()["replayed"] == 1
        followed = await send(app, "GET", "/api/logs?follow=true&limit=2", max_chunks=2)
        assert followed.body.count(b"\n") == 2
        assert followed.headers["content-type"] == "application/x-ndjson"
