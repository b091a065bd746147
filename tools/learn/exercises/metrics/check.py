"""What Prometheus reads of a service after many authors, a refusal and a failing store."""

from __future__ import annotations

from services.chassis.errors import Unavailable
from tests.fakes import FakeCluster, Scrape, scrape
from tools.learn.lab import STORIES, assembled
from tools.learn.report import Work

NAME = "microgram_stories_told_total"
AUTHORS = 50


async def check(work: Work) -> None:
    """Check the metrics of stories.py."""
    async with FakeCluster() as cluster:
        stories = await cluster.start(assembled(work.module("stories").create), STORIES)
        for n in range(AUTHORS):
            params = {"author": f"author-{n}", "text": "low tide"}
            await stories.call("PUT", f"/stories/{n}", params=params)
        found = await scrape(stories.app)
        series = _series(found)
        work.require(
            "the number of series does not grow with the number of authors",
            len(series) <= 3,
            expected=f"a few series after {AUTHORS} authors",
            seen=f"{len(series)} series with a label that clients choose",
            look="stories.py: what are the labels of the counter?",
        )
        work.require(
            "stories that were told are counted",
            found.value(NAME, outcome="ok") == AUTHORS,
            expected=f'{NAME}{{outcome="ok"}} {AUTHORS}',
            seen=series or "no such metric",
            look="stories.py: the name and the labels of the counter",
        )
        await stories.call("PUT", "/stories/x", params={"author": "ada", "text": " "})
        found = await scrape(stories.app)
        work.require(
            "what was refused is counted as refused, and not as told",
            (_value(found, "refused"), _value(found, "ok")) == (1, AUTHORS),
            expected=f"refused 1, ok {AUTHORS}",
            seen=f"refused {_value(found, 'refused'):.0f}, ok {_value(found, 'ok'):.0f}",
            look="stories.py: where is a refusal counted?",
        )
        stories.sidecar.state.faults.fail("*", times=10_000, error=Unavailable("no store"))
        params = {"author": "ada", "text": "high tide"}
        await stories.call("PUT", "/stories/y", params=params)
        found = await scrape(stories.app)
        work.require(
            "what could not be stored is not counted as told",
            _value(found, "ok") == AUTHORS,
            expected=f"ok {AUTHORS}",
            seen=f"ok {_value(found, 'ok'):.0f}",
            look="stories.py: count after the story was stored",
        )


def _value(found: Scrape, outcome: str) -> float:
    return found.value(NAME, outcome=outcome)


def _series(found: Scrape) -> list[str]:
    return [f"{s.name}{s.labels}" for s in found.samples if "stories" in s.name]
