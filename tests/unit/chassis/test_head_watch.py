"""Who waits for news of a producer is woken by that of other replicas, too."""

from __future__ import annotations

import asyncio

import pytest

from services.chassis.publishing.head_watch import HeadWatch
from tests.fakes import until
from tests.unit.chassis.test_outbox import OutboxHarness, Process, harness

__all__ = ["harness"]


@pytest.fixture
def replicas(harness: OutboxHarness) -> tuple[Process, Process]:
    return harness.process(), harness.process()


def watch_of(process: Process) -> HeadWatch:
    return HeadWatch({"things": process.outbox})


async def test_a_look_wakes_who_waits_although_somebody_else_looked_before(
    replicas: tuple[Process, Process],
) -> None:
    one, other = replicas
    watch = watch_of(one)
    known = (await watch.read(["things"])).tag
    waiting = asyncio.ensure_future(watch.read(["things"], known=known, wait=20))
    await until(lambda: watch.waiting == 1)
    await watch.refresh()
    await other.make("a")
    await one.outbox.heads(0)  # as recovery does
    await watch.refresh()
    async with asyncio.timeout(10):
        assert (await waiting).by_topic == {"things": {other.outbox.stream: 1}}


async def test_there_are_other_replicas_also_while_nobody_waits(
    replicas: tuple[Process, Process],
) -> None:
    one, other = replicas
    watch = watch_of(one)
    assert not await watch.refresh()
    await other.make("a")
    await one.outbox.heads(0)
    assert await watch.refresh()
