"""Stories that are told, edited and deleted, beside a broker that delivers everything twice."""

from __future__ import annotations

from typing import Any

from tests.fakes import FakeCluster
from tools.learn.lab import CONSUMER, start_stories, tell
from tools.learn.report import Work


async def check(work: Work) -> None:
    """Check the service of statistics.py."""
    module = work.module("statistics")
    async with FakeCluster() as cluster:
        stories = await start_stories(cluster)
        await cluster.start(module.create_service, CONSUMER)
        for n in range(3):
            await tell(stories, str(n), "ada")
        await cluster.settle()
        found = _count(module, cluster)
        work.require(
            "three stories are counted",
            found == 3,
            expected="3",
            seen=found,
            look="statistics.py, `on_story_changed` and `count`",
        )
        cluster.broker.copies = 2
        await tell(stories, "3", "ada")
        await cluster.settle()
        found = _count(module, cluster)
        work.require(
            "an event that is delivered twice counts once",
            found == 4,
            expected="4 stories after a fourth one, whose event came twice",
            seen=found,
            look="statistics.py, `on_story_changed`: what happens when the same event comes again?",
        )
        await tell(stories, "0", "ada", text="an edit")
        await stories.call("DELETE", "/stories/1")
        await cluster.settle()
        found = _count(module, cluster)
        work.require(
            "an edit changes no count, and a deletion takes one away",
            found == 3,
            expected="3 stories after one of four was edited and one deleted",
            seen=found,
            look="statistics.py: an event tells the newest state of a story, not what was done",
        )


def _count(module: Any, cluster: FakeCluster) -> int:
    stored = cluster.state(CONSUMER).peek("statistics:ada")
    return int(module.count(module.Statistics(**stored["data"]))) if stored else 0
