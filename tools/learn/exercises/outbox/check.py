"""A process that dies before it publishes, and a broker that loses what it took."""

from __future__ import annotations

import asyncio

from tests.fakes import FakeCluster, RunningReplica
from tools.learn.lab import CONSUMER, STORIES, assembled, create_consumer
from tools.learn.report import Work


async def check(work: Work) -> None:
    """Check the service of stories.py."""
    create = assembled(work.module("stories").create)
    async with FakeCluster() as cluster:
        await cluster.start(create_consumer, CONSUMER)
        stories = await cluster.start(create, STORIES)
        await _tell(stories, "1")
        await cluster.settle()
        work.require(
            "another service hears of a story",
            _knows(cluster, "1"),
            expected="story 1 in the service `consumer`",
            seen="nothing",
            look="stories.py: what publishes an event?",
        )
        stories.sidecar.broker.faults.crash("publish")
        asking = asyncio.create_task(_tell(stories, "2"))
        await stories.sidecar.broker.faults.dead.wait()
        await stories.kill()
        asking.cancel()
        stories = await cluster.start(create, STORIES)
        await cluster.settle()
        stored = cluster.state(STORIES).peek("story:2") is not None
        work.require(
            "every stored story is told, also if the process dies before it publishes",
            not stored or _knows(cluster, "2"),
            expected="story 2 in `consumer`, soon after another process has started",
            seen="story 2 in the store of `stories`, and no word of it in `consumer`",
            look="stories.py, between `update` and `publish`",
        )
        cluster.broker.loses = lambda _: True
        await _tell(stories, "3")
        await cluster.settle()
        work.require(
            "every stored story is told, also if the broker loses the event",
            _knows(cluster, "3"),
            expected="story 3 in `consumer`",
            seen="nothing",
            look="docs/learn/outbox.md: how does a consumer ask for what it misses?",
        )


async def _tell(stories: RunningReplica, id: str) -> None:
    await stories.call("POST", f"/stories/{id}", params={"author": "ada", "text": f"story {id}"})


def _knows(cluster: FakeCluster, id: str) -> bool:
    return cluster.state(CONSUMER).peek(f"copy:{id}") is not None
