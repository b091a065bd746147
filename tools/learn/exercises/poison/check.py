"""An event that can never be handled, and one that can be a moment later."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.errors import ServiceError, Unavailable
from tests.fakes import FakeCluster
from tools.learn.lab import CONSUMER, start_stories, tell
from tools.learn.report import Work


def _people() -> FastAPI:
    app = FastAPI()

    @app.get("/people/{id}")
    async def person(id: str) -> dict[str, str]:
        return {"name": id.title()}

    return app


async def check(work: Work) -> None:
    """Check the service of days.py."""
    async with FakeCluster() as cluster:
        cluster.network.add("people", _people())
        stories = await start_stories(cluster)
        days = await cluster.start(work.module("days").create_service, CONSUMER)
        await tell(stories, "1", "ada")
        await tell(stories, "2", "ben", taken_on="yesterday")
        await tell(stories, "3", "eve")
        await cluster.settle()
        entries = cluster.state(CONSUMER).keys("entry:")
        work.require(
            "a bad event does not stop those after it",
            entries == ["entry:1", "entry:3"],
            expected="entries for stories 1 and 3",
            seen=", ".join(entries) or "no entry",
            look="days.py, `on_story_changed`",
        )
        letters = await days.service.dead_letters.all()
        work.require(
            "an event that can never be handled is kept, with the reason",
            [letter.event["subject"] for letter in letters] == ["2"],
            expected="story 2 among the dead letters",
            seen=f"{len(letters)} dead letters",
            look="days.py: who learns that story 2 was not handled?",
        )
        work.require(
            "it is kept at its first delivery, with a reason in words",
            "Error(" not in letters[0].why,
            expected="a reason that you have written",
            seen=letters[0].why,
            look="days.py: the inbox cannot know that no retry helps. Which error tells it?",
        )
        days.sidecar.faults.fail("invoke", about="people/", error=Unavailable("people is away"))
        await tell(stories, "4", "ada")
        await cluster.settle()
        work.require(
            "an event is handled later if a neighbour was away",
            "entry:4" in cluster.state(CONSUMER).keys("entry:"),
            expected="an entry for story 4, once `people` is back",
            seen="none: the event counts as handled",
            look="days.py: which errors must reach the inbox?",
        )
        letters = await days.service.dead_letters.all()
        work.require(
            "what a retry can mend is no dead letter",
            len(letters) == 1,
            expected="one dead letter, that of story 2",
            seen=[letter.event["subject"] for letter in letters],
            look=f"days.py: a {ServiceError.__name__} is no reason to give up",
        )
