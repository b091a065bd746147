"""Replicas come and go in an order that loses no call and no event: here with small processes."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.runner.staged_system import RecordedNames, Stage
from tools.runner.errors import RunnerError
from tools.runner.supervisor import replica_group
from tools.runner.supervisor.process import ProcessSpec


async def until(holds: Callable[[], object]) -> None:
    give_up_at = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.02)


def environment_of(pid: int | None) -> list[str]:
    return Path(f"/proc/{pid}/environ").read_text().split("\0")


async def test_new_replicas_are_called_when_they_are_ready(stage: Stage) -> None:
    await stage.start(1)
    await stage.scaler.scale("posts", 3)
    assert [each.name for each in stage.replicas] == ["posts", "posts.2", "posts.3"]
    assert stage.found == {"posts", "posts.2", "posts.3"}
    second, third = (each.internal_address for each in stage.replicas[1:])
    assert stage.notes == [f"{verb} {at}" for verb in ("hold", "release") for at in (second, third)]
    tokens = {(each.app_token, each.sidecar_token, each.app_port) for each in stage.replicas}
    assert len(tokens) == 3
    assert stage.changes == 1
    row = stage.system.report()["services"][0]
    assert (row["replicas"], row["state"]) == (3, "ready")


async def test_a_replica_that_goes_is_hidden_first_and_its_sidecar_outlives_it(
    stage: Stage,
) -> None:
    await stage.start(2)
    second = stage.replicas[1]
    app, sidecar = stage.system.replicas.processes_of(second)
    states = []

    async def hidden(address: str) -> None:
        states.append((app.state, sidecar.state))
        await RecordedNames.hide(stage.names, address)

    stage.names.hide = hidden  # type: ignore[method-assign]
    draining = asyncio.create_task(stage.scaler.scale("posts", 1))
    await until(lambda: sidecar.state == "draining" and app.state == "stopped")
    assert sidecar.pid is not None
    await draining
    assert states == [("ready", "ready")]
    assert (app.cause, sidecar.cause) == ("exited with code 0", "was killed by SIGKILL")
    assert "finishes" in stage.said("posts.2")
    assert "finishes" in stage.said("posts.2.daprd")
    address = second.internal_address
    assert stage.notes == [f"hide {address}", f"forget {address}", "redeliver posts"]
    assert [each.name for each in stage.replicas] == ["posts"]
    with pytest.raises(RunnerError, match=r"posts\.2"):
        stage.system.find_processes("posts.2")


async def test_a_single_replica_is_restarted_behind_a_stand_in(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.start(1)
    before = stage.process("posts.daprd").pid
    fewest: list[int] = []

    def note(text: str) -> None:
        stage.notes.append(text)
        fewest.append(len(stage.found))

    monkeypatch.setattr(stage.names, "_note", note)
    await stage.scaler.restart_rolling("posts")
    assert [each.name for each in stage.replicas] == ["posts"]
    assert stage.found == {"posts"}
    assert stage.process("posts.daprd").pid not in (before, None)
    assert min(fewest) == 1, "somebody can be called at every moment"
    verbs = [line.split()[0] for line in stage.notes]
    comes, goes = ["hold", "release"], ["hide", "forget"]
    assert [verb for verb in verbs if verb != "redeliver"] == [*comes, *goes] * 2


async def test_several_replicas_are_restarted_one_after_another(stage: Stage) -> None:
    await stage.start(2)
    before = [stage.process(f"{each.name}.daprd").pid for each in stage.replicas]
    await stage.scaler.restart_rolling("posts")
    after = [stage.process(f"{each.name}.daprd").pid for each in stage.replicas]
    assert not set(before) & set(after)
    assert stage.found == {"posts", "posts.2"}
    assert stage.said("posts.3") == ""


@pytest.mark.parametrize("count", [1, 2])
async def test_sidecars_that_are_restarted_get_the_secrets_of_now(stage: Stage, count: int) -> None:
    await stage.start(count)
    stage.secret = "second"
    await stage.scaler.restart_rolling("posts")
    names = [each.sidecar_name for each in stage.replicas]
    assert len(names) == count
    for name in names:
        assert "SECRET=second" in environment_of(stage.process(name).pid)


async def test_secrets_that_cannot_be_read_stop_no_replica(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.start(2)
    before = [stage.process(each.sidecar_name).pid for each in stage.replicas]

    def unreadable(*_: object) -> ProcessSpec:
        raise RunnerError("secrets.json is not JSON")

    monkeypatch.setattr(replica_group, "sidecar_spec", unreadable)
    with pytest.raises(RunnerError, match="is not JSON"):
        await stage.scaler.restart_rolling("posts")
    assert [stage.process(each.sidecar_name).pid for each in stage.replicas] == before
    assert stage.found == {"posts", "posts.2"}


async def test_a_version_that_does_not_start_replaces_nothing(stage: Stage) -> None:
    await stage.start(1)
    before = stage.process("posts.daprd").pid
    stage.broken = {"posts.2", "posts"}
    for change in (stage.scaler.restart_rolling("posts"), stage.scaler.scale("posts", 2)):
        with pytest.raises(RunnerError, match="no configuration"):
            await change
    assert [each.name for each in stage.replicas] == ["posts"]
    assert stage.process("posts.daprd").pid == before
    assert stage.found == {"posts"}


async def test_a_replica_that_does_not_come_back_ends_a_rolling_restart(stage: Stage) -> None:
    await stage.start(2)
    process = stage.app("posts")[0]
    stage.broken = {"posts"}
    process.spec = stage.spec("posts", stage.system.plan.run)
    with pytest.raises(RunnerError, match="no configuration"):
        await stage.scaler.restart_rolling("posts")
    assert stage.found == {"posts.2"}
    assert (process.state, stage.process("posts.daprd").state) == ("failed", "stopped")
    assert stage.process("posts.2.daprd").state == "ready"


async def test_a_replica_that_does_not_work_is_restarted_first(stage: Stage) -> None:
    await stage.start(2)
    await stage.app("posts.2")[0].stop()
    stage.notes.clear()
    await stage.scaler.restart_rolling("posts")
    addresses = {each.name: each.internal_address for each in stage.replicas}
    hidden = [note.split()[1] for note in stage.notes if note.startswith("hide")]
    assert hidden == [addresses["posts.2"], addresses["posts"]]


async def test_the_only_replica_that_works_is_not_removed(stage: Stage) -> None:
    await stage.start(2)
    await stage.app("posts")[0].stop()
    with pytest.raises(RunnerError, match="no replica of posts that would stay is ready"):
        await stage.scaler.scale("posts", 1)
    assert [each.name for each in stage.replicas] == ["posts", "posts.2"]


async def test_what_is_started_after_a_failed_restart_is_restarted_when_it_dies(
    stage: Stage,
) -> None:
    await stage.start(2)
    process = stage.app("posts")[0]
    stage.broken = {"posts"}
    process.spec = stage.spec("posts", stage.system.plan.run)
    with pytest.raises(RunnerError, match="no configuration"):
        await stage.scaler.restart_rolling("posts")
    stage.broken = set()
    process.spec = stage.spec("posts", stage.system.plan.run)
    await stage.system.start_named("posts")
    os.kill(process.pid or 0, signal.SIGKILL)
    await until(lambda: process.restarts == 1 and process.state == "ready")


async def test_two_changes_at_once_happen_one_after_another(stage: Stage) -> None:
    await stage.start(1)
    await asyncio.gather(*(stage.scaler.scale("posts", count) for count in (3, 1, 2)))
    assert [each.name for each in stage.replicas] == ["posts", "posts.2"]
    assert stage.found == {"posts", "posts.2"}


@pytest.mark.parametrize("count", [0, 51])
async def test_a_number_of_replicas_has_bounds(stage: Stage, count: int) -> None:
    with pytest.raises(RunnerError, match="1 to 50"):
        await stage.scaler.scale("posts", count)
    with pytest.raises(RunnerError, match='no service is named "nats"'):
        await stage.scaler.scale("nats", 2)
