"""A service moves to the broker of another set by its files and a rolling restart."""

from __future__ import annotations

import os
import sys

import pytest
import yaml

from services.chassis.security.access_rules import read_access
from tests.unit.runner.staged_system import Stage
from tools.runner.config.components import SetRenderer, load_set
from tools.runner.errors import RunnerError
from tools.runner.infra import servers
from tools.runner.infra.servers import ManagedServer, ServerContext
from tools.runner.supervisor.process import ProcessSpec
from tools.runner.supervisor.switching import BrokerSwitch


@pytest.fixture
async def switch(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> BrokerSwitch:
    """A system on Redis alone, which is its broker too."""
    system, run = stage.system, stage.system.plan.run
    redis = ManagedServer("redis", "127.0.0.1:6", None, overrides={("pubsub", "redisHost"): "a:6"})
    monkeypatch.setattr(system, "set_name", "redis-streams")
    system.servers.running = [redis]
    monkeypatch.setattr(servers, "set_up_server", _broker)
    SetRenderer(run, read_access(), redis.overrides).write_set(load_set("redis-streams"))
    await stage.start(1)
    return BrokerSwitch(system, stage.scaler)


def _broker(name: str, context: ServerContext) -> ManagedServer:
    async def is_ready() -> bool:
        return True

    command = (sys.executable, "-c", "import time; time.sleep(60)")
    spec = ProcessSpec(name, command, context.run.path, dict(os.environ), is_ready)
    return ManagedServer(name, "127.0.0.1:5", spec, logins=frozenset({"rabbitmq-connection"}))


def components(stage: Stage) -> dict[str, dict[str, object]]:
    """Return the components of the service's sidecar by name."""
    folder = stage.system.plan.run.components / "posts"
    found = [yaml.safe_load(path.read_text()) for path in folder.glob("component-*.yaml")]
    return {each["metadata"]["name"]: each for each in found}


def names(stage: Stage) -> list[str]:
    return [server.name for server in stage.system.servers.running]


async def test_a_service_moves_and_the_other_broker_stops(
    stage: Stage, switch: BrokerSwitch
) -> None:
    before, pid = components(stage), stage.process("posts.daprd").pid
    assert await switch.begin("rabbitmq-redis") == ["posts"]
    assert names(stage) == ["redis", "rabbitmq"]
    assert components(stage) == before
    await switch.move("rabbitmq-redis", "posts")
    moved = components(stage)
    assert moved["pubsub"]["spec"]["type"] == "pubsub.rabbitmq"  # type: ignore[index]
    own_login = "rabbitmq-connection-posts"
    assert own_login in str(moved["pubsub"])
    assert {**moved, "pubsub": 0} == {**before, "pubsub": 0}
    assert stage.process("posts.daprd").pid != pid
    assert stage.found == {"posts"}
    await switch.finish("rabbitmq-redis")
    assert stage.system.report()["components"] == "rabbitmq-redis"

    assert await switch.begin("redis-streams") == ["posts"]
    await switch.move("redis-streams", "posts")
    assert components(stage) == before
    assert names(stage) == ["redis", "rabbitmq"]
    await switch.finish("redis-streams")
    assert names(stage) == ["redis"]
    assert [process.spec.name for _, _, process in stage.system.processes()] == [
        "posts",
        "posts.daprd",
    ]
    assert await switch.begin("redis-streams") == []


async def test_a_service_that_does_not_start_again_stops_the_switch_which_is_repeated(
    stage: Stage, switch: BrokerSwitch
) -> None:
    await switch.begin("rabbitmq-redis")
    stage.broken.add("posts.2.daprd")
    with pytest.raises(RunnerError):
        await switch.move("rabbitmq-redis", "posts")
    assert stage.found == {"posts"}
    with pytest.raises(RunnerError, match="posts did not move"):
        await switch.finish("rabbitmq-redis")
    stage.broken.clear()
    assert await switch.begin("rabbitmq-redis") == ["posts"]
    assert names(stage) == ["redis", "rabbitmq"]
    await switch.move("rabbitmq-redis", "posts")
    await switch.finish("rabbitmq-redis")


async def test_an_unfinished_switch_is_turned_back(stage: Stage, switch: BrokerSwitch) -> None:
    before = components(stage)
    await switch.begin("rabbitmq-redis")
    await switch.move("rabbitmq-redis", "posts")
    assert await switch.begin("redis-streams") == ["posts"]
    await switch.move("redis-streams", "posts")
    await switch.finish("redis-streams")
    assert components(stage) == before
    assert names(stage) == ["redis"]


@pytest.mark.parametrize(
    ("set_name", "said"),
    [
        ("embedded", "has other components .* for statestore, workflowstore"),
        ("no-such-set", "no component set"),
    ],
)
async def test_only_the_broker_can_be_switched(
    set_name: str, said: str, stage: Stage, switch: BrokerSwitch
) -> None:
    with pytest.raises(RunnerError, match=said):
        await switch.begin(set_name)
    assert names(stage) == ["redis"]


async def test_another_daprd_needs_a_stop(
    stage: Stage, switch: BrokerSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage.system, "set_name", "embedded")
    with pytest.raises(RunnerError, match="needs a daprd with more components"):
        await switch.begin("mqtt-sqlite")


async def test_a_broker_that_does_not_start_changes_nothing(
    stage: Stage, switch: BrokerSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str, context: ServerContext) -> ManagedServer:
        server = _broker(name, context)
        assert server.spec is not None
        command = (sys.executable, "-c", "raise SystemExit(1)")
        server.spec = ProcessSpec(name, command, context.run.path, {}, _never)
        return server

    async def _never() -> bool:
        return False

    monkeypatch.setattr(servers, "set_up_server", broken)
    with pytest.raises(RunnerError):
        await switch.begin("rabbitmq-redis")
    assert names(stage) == ["redis"]
    assert [process.spec.name for _, _, process in stage.system.processes()] == [
        "posts",
        "posts.daprd",
    ]
