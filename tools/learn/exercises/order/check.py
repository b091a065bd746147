"""Every order in which the events of three stories can arrive, each of them twice."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from tests.fakes import FakeCluster, RunningReplica
from tools.learn.lab import CONSUMER, STORIES, start_stories, tell
from tools.learn.report import Work


async def check(work: Work) -> None:
    """Check the service of copies.py."""
    module = work.module("copies")
    events = await _events()
    async with FakeCluster() as cluster:
        consumer = await cluster.start(module.create_service, CONSUMER)
        await _deliver(consumer, events["1"])
        kept = _copy(cluster, "1")
        work.require(
            "events in order leave the newest text",
            kept["text"] == "third",
            expected='"third"',
            seen=f'"{kept["text"]}"',
            look="copies.py, `on_story_changed`",
        )
    for order in permutations(events["1"]):
        texts = [event["data"]["text"] for event in order]
        kept = await _after(module, order)
        work.require(
            f"{', '.join(texts)}: the newest text stays",
            kept["text"] == "third",
            expected='"third", which has the highest version',
            seen=f'"{kept["text"]}"',
            look="copies.py: nothing compares versions",
        )
    for order in permutations(events["2"]):
        kept = await _after(module, order)
        kinds = ["deleted" if event["data"]["deleted"] else "told" for event in order]
        work.require(
            f"{', '.join(kinds)}: what is deleted stays deleted",
            kept["deleted"],
            expected="a tombstone",
            seen=f'the text "{kept["text"]}"',
            look="copies.py: what does a late event find after the deletion?",
        )


async def _events() -> dict[str, list[dict[str, Any]]]:
    """Return the events of two stories as the service that owns them publishes them."""
    async with FakeCluster() as cluster:
        stories = await start_stories(cluster)
        for text in ("first", "second", "third"):
            await tell(stories, "1", "ada", text=text)
        for text in ("first", "second"):
            await tell(stories, "2", "ada", text=text)
        await stories.call("DELETE", "/stories/2")
        await cluster.settle()
        published = cluster.broker.events(STORIES)
    return {id: [event for event in published if event["subject"] == id] for id in ("1", "2")}


async def _after(module: Any, order: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    async with FakeCluster() as cluster:
        consumer = await cluster.start(module.create_service, CONSUMER)
        await _deliver(consumer, order)
        return _copy(cluster, order[0]["subject"])


async def _deliver(consumer: RunningReplica, events: Any) -> None:
    for event in events:
        await consumer.deliver(STORIES, event)
        await consumer.deliver(STORIES, event)


def _copy(cluster: FakeCluster, id: str) -> dict[str, Any]:
    stored = cluster.state(CONSUMER).peek(f"copy:{id}")
    return stored["data"] if stored else {"text": "nothing", "deleted": False}
