"""Pages and changes of several people share calls: each sees and changes what is theirs alone."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from services.clients.shared_calls import NOBODY
from tests.services.gateway.deployment import GatewayDeployment, SignedInUser, posts_app

PEOPLE = 10
HOME, NOTIFICATIONS = "/api/v1/timelines/home", "/api/v1/notifications"


async def make_people(deployment: GatewayDeployment) -> list[SignedInUser]:
    """People of whom each has a private post, and a notification from the next of them."""
    app = await deployment.app()
    people = [await deployment.register(f"user{n}", app) for n in range(PEOPLE)]
    await deployment.cluster.settle()
    for n, person in enumerate(people):
        await people[n - 1].post(f"accounts/{person.id}/follow")
    return people


async def revoke(deployment: GatewayDeployment, person: SignedInUser, *services: str) -> None:
    """Let some services know that a token was revoked. The others have not heard of it yet."""
    for running in deployment.cluster.running:
        if running.name in services:
            verifier = running.service.token_verifier
            caller = await verifier.verify(person.token)
            verifier._add_revocations([caller.token_id])


def count_calls(deployment: GatewayDeployment) -> Counter[tuple[str, str, str]]:
    """Count calls of the gateway from now on, by service, path, and token."""
    sidecar, calls = deployment.gateway.sidecar, Counter[tuple[str, str, str]]()
    invoke = sidecar.invoke

    async def counting(app: str, path: str, **content: Any) -> Any:
        calls[app, path, content.get("token", "")] += 1
        return await invoke(app, path, **content)

    sidecar.invoke = counting  # type: ignore[method-assign]
    return calls


async def test_each_of_many_who_read_at_the_same_time_sees_only_what_is_theirs(
    deployment: GatewayDeployment,
) -> None:
    people = await make_people(deployment)
    body = {"status": "mine alone", "visibility": "direct"}
    own = [(await person.post("statuses", body))["id"] for person in people]
    shown = [(await person.post("statuses", {"status": "hello"}))["id"] for person in people]
    await deployment.cluster.settle()
    await revoke(deployment, people[-1], "feed", "notifications", "posts")
    calls = count_calls(deployment)

    async def read(n: int) -> list[Any]:
        paths = (HOME, NOTIFICATIONS, *(f"/api/v1/statuses/{id}" for id in (own[n], own[n - 1])))
        return await asyncio.gather(*(people[n].ask("GET", path) for path in paths))

    pages = await asyncio.gather(*map(read, range(PEOPLE)))
    for n, (home, notifications, mine, others) in enumerate(pages[:-1]):
        followed = shown[(n + 1) % PEOPLE]
        assert {post["id"] for post in home.json()} == {own[n], shown[n], followed}
        assert [each["account"]["id"] for each in notifications.json()] == [people[n - 1].id]
        assert (mine.json()["id"], mine.json()["visibility"]) == (own[n], "direct")
        assert others.status == 404
    assert [page.status for page in pages[-1]] == [401] * 4
    for service in ("feed", "notifications", "posts"):
        assert calls[service, "bundles", NOBODY] > 0, calls
        assert not calls[service, "bundles", ""]


async def test_each_of_many_who_post_and_like_at_the_same_time_does_it_once_in_their_own_name(
    deployment: GatewayDeployment,
) -> None:
    people = await make_people(deployment)
    liked = (await people[0].post("statuses", {"status": "hello"}))["id"]
    await deployment.cluster.settle()
    await revoke(deployment, people[-1], "posts")
    calls = count_calls(deployment)

    async def write(n: int) -> list[Any]:
        paths = ("/api/v1/statuses", "/api/v1/statuses", f"/api/v1/statuses/{liked}/favourite")
        bodies: list[dict[str, str]] = [{"status": f"post {n}"}, {"status": ""}, {}]
        asked = zip(paths, bodies, strict=True)
        return await asyncio.gather(*(people[n].ask("POST", p, json=body) for p, body in asked))

    answers = await asyncio.gather(*map(write, range(PEOPLE)))
    for n, (post, empty, like) in enumerate(answers[:-1]):
        assert (post.json()["content"], post.json()["account"]["id"]) == (
            f"<p>post {n}</p>",
            people[n].id,
        )
        assert empty.status == 422
        assert (like.json()["id"], like.json()["favourited"]) == (liked, True)
    assert [answer.status for answer in answers[-1]] == [401] * 3
    assert calls["posts", "bundles", NOBODY] > 0, calls
    await deployment.cluster.settle()
    for n, person in enumerate(people[:-1]):
        answer = await person.ask("GET", f"/api/v1/accounts/{person.id}/statuses")
        own = [status["content"] for status in answer.json()]
        assert own.count(f"<p>post {n}</p>") == 1
    likes = (await people[0].ask("GET", f"/api/v1/statuses/{liked}")).json()["favourites_count"]
    assert likes == PEOPLE - 1


@pytest.mark.parametrize("after", [False, True])
async def test_whoever_posts_while_the_service_dies_has_posted_once_after_a_repeat(
    deployment: GatewayDeployment, *, after: bool
) -> None:
    people = await make_people(deployment)
    calls = count_calls(deployment)
    doomed = next(one for one in deployment.cluster.running if one.name == "posts")
    doomed.sidecar.state.faults.crash(about="post:", nth=3, after=after)

    async def post(person: SignedInUser) -> Any:
        return await person.ask(
            "POST", "/api/v1/statuses", json={"status": "once"}, headers={"idempotency-key": "1"}
        )

    first = [asyncio.ensure_future(post(person)) for person in people]
    await doomed.sidecar.state.faults.dead.wait()
    await doomed.kill()
    answered = [task.result().json()["id"] for task in first if task.done()]
    assert calls["posts", "bundles", NOBODY] > 0, calls
    await deployment.cluster.start(posts_app, "posts")
    made = [(await post(person)).json()["id"] for person in people]
    assert {*answered} <= {*made}
    assert len(deployment.cluster.state("posts").keys("post:")) == len({*made}) == PEOPLE
    for task in first:
        task.cancel()
