"""Streamed posts have the listener's interactions, like posts that are read."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest import mock

import pytest

from services.gateway.streaming import dispatcher, interactions
from services.gateway.streaming.events import StreamEvent
from tests.services.gateway.deployment import GatewayDeployment, SignedInUser
from tests.services.gateway.graphql_client import invocations
from tests.services.gateway.test_graphql_websocket import await_message, subscribed
from tests.services.gateway.test_graphql_websocket import socket_of as graph_of
from tests.services.gateway.test_streaming import a_pair, home_of, socket_of

FLAGS = ("favourited", "reblogged", "bookmarked", "muted", "pinned")
OF_GRAPH = ("favourited", "reblogged", "bookmarked", "pinned")


def flags(status: Any) -> dict[str, Any]:
    """The interactions in a Status, and in the post that it boosts."""
    shown = status["reblog"]
    return {name: status[name] for name in FLAGS} | ({"reblog": flags(shown)} if shown else {})


async def read(person: SignedInUser, id: str) -> dict[str, Any]:
    return flags(await person.get(f"statuses/{id}"))


async def edit(author: SignedInUser, post: Any, text: str = "edited") -> None:
    path = f"/api/v1/statuses/{post['id']}"
    assert (await author.ask("PUT", path, json={"status": text})).status == 200


async def does(person: SignedInUser, post: Any, *actions: str) -> None:
    for action in actions:
        await person.post(f"statuses/{post['id']}/{action}")


async def test_events_of_edits_and_boosts_have_the_listeners_interactions(
    deployment: GatewayDeployment,
) -> None:
    anna, ben = await a_pair(deployment)
    cleo, dora = await deployment.register("cleo"), await deployment.register("dora")
    for person in (cleo, dora):
        await person.post(f"accounts/{anna.id}/follow")
    post = await anna.post("statuses", {"status": "hello"})
    await deployment.cluster.settle()
    await does(anna, post, "pin", "bookmark")
    await does(ben, post, "favourite")
    await does(cleo, post, "bookmark", "reblog", "favourite", "unfavourite")
    everyone = (anna, ben, cleo, dora)
    async with home_of(anna) as a, home_of(ben) as b, home_of(cleo) as c, home_of(dora) as d:
        pairs = list(zip(everyone, (a, b, c, d), strict=True))
        await edit(anna, post)
        for person, stream in pairs:
            streamed = flags(await stream.received("status.update"))
            assert streamed == await read(person, post["id"]), person.username
        assert flags(a.events[-1][1])["pinned"]
        assert flags(b.events[-1][1])["favourited"]
        assert flags(c.events[-1][1])["reblogged"]
        assert not any(flags(d.events[-1][1]).values())
        await does(anna, post, "reblog")
        for person, stream in pairs:
            boost = await stream.received("update")
            assert boost["reblog"]["id"] == post["id"]
            assert flags(boost) == await read(person, boost["id"]), person.username
        assert flags(b.events[-1][1])["reblog"]["favourited"]


async def test_recent_interactions_are_known_before_the_feed_applies_them(
    deployment: GatewayDeployment,
) -> None:
    anna, ben = await a_pair(deployment)
    post = await anna.post("statuses", {"status": "hello"})
    await deployment.cluster.settle()
    subscribed = deployment.cluster.broker._groups["marks"].pop("feed")
    async with home_of(ben) as home:
        await does(ben, post, "favourite")
        await edit(anna, post)
        assert (await home.received("status.update"))["favourited"]
    deployment.cluster.broker._groups["marks"]["feed"] = subscribed


async def test_a_late_direct_post_has_interactions_in_its_conversation(
    deployment: GatewayDeployment,
) -> None:
    anna, ben = await a_pair(deployment)
    async with socket_of(ben, "user", "direct") as listener:
        deployment.cluster.broker.hold()
        post = await anna.post("statuses", {"status": "@ben psst", "visibility": "direct"})
        await does(ben, post, "favourite", "bookmark")
        deployment.cluster.broker.release(seed=1)
        streamed = await listener.received("conversation")
        mine = await read(ben, post["id"])
        assert mine["favourited"]
        assert flags(streamed["last_status"]) == flags(await listener.received("update")) == mine


async def test_shared_streams_have_interactions(deployment: GatewayDeployment) -> None:
    anna, ben = await a_pair(deployment)
    post = await anna.post("statuses", {"status": "hello #sea"})
    await does(ben, post, "favourite")
    await deployment.cluster.settle()
    async with socket_of(ben, "public") as likes, socket_of(anna, "public") as author:
        likes.frame(type="subscribe", stream="hashtag", tag="sea")
        likes.frame(type="?", stream="user")
        await edit(anna, post, "again #sea")
        assert (await likes.received("status.update", 2))["favourited"]
        assert not (await author.received("status.update"))["favourited"]
        assert all(data["favourited"] for _, data in likes.events)


async def test_a_notification_has_interactions(deployment: GatewayDeployment) -> None:
    anna, ben = await a_pair(deployment)
    post = await anna.post("statuses", {"status": "hello"})
    await does(anna, post, "favourite", "bookmark", "pin")
    await deployment.cluster.settle()
    async with socket_of(anna, "user:notification") as owner:
        await does(ben, post, "favourite")
        streamed = await owner.received("notification", 1)
        assert flags(streamed["status"]) == await read(anna, post["id"])
        assert streamed["status"]["pinned"]


@pytest.mark.parametrize("how", ["refuses", "hangs"])
async def test_events_have_no_interactions_if_posts_fails(
    deployment: GatewayDeployment, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    anna, ben = await a_pair(deployment)
    post = await anna.post("statuses", {"status": "hello"})
    await does(ben, post, "favourite")
    await deployment.cluster.settle()
    monkeypatch.setattr(interactions, "LOOKUP_TIMEOUT", 0.05)
    sidecar, waiting = deployment.gateway.sidecar, []
    invoke = sidecar.invoke

    async def hanging(app: str, path: str, **rest: Any) -> Any:
        if path == "marks":
            waiting.append(path)
            await asyncio.Event().wait()
        return await invoke(app, path, **rest)

    if how == "refuses":
        sidecar.faults.fail("invoke", about="posts/marks", times=100)
    else:
        monkeypatch.setattr(sidecar, "invoke", hanging)
    async with home_of(ben) as home:
        await edit(anna, post)
        streamed = await home.received("status.update")
        assert streamed["id"] == post["id"]
        assert not streamed["favourited"]
        assert bool(waiting) == (how == "hangs")


async def test_an_event_costs_one_call_of_posts_for_any_number_of_listeners(
    deployment: GatewayDeployment,
) -> None:
    """It is rendered once per distinct look, not once per listener."""
    anna, ben = await a_pair(deployment)
    post = await anna.post("statuses", {"status": "hello"})
    people = [ben, *[await deployment.register(name) for name in ("cleo", "dora", "emil", "fred")]]
    for person in people[1:]:
        await person.post(f"accounts/{anna.id}/follow")
    await deployment.cluster.settle()
    for person in people[:3]:
        await does(person, post, "favourite")
    await deployment.cluster.settle()
    async with (
        home_of(people[0]) as one,
        home_of(people[1]) as two,
        home_of(people[2]) as three,
        home_of(people[3]) as four,
        home_of(people[4]) as five,
    ):
        made = mock.Mock(wraps=StreamEvent)
        with mock.patch.object(dispatcher, "StreamEvent", made):
            async with invocations(deployment) as asked:
                await edit(anna, post)
                streamed = [
                    await each.received("status.update") for each in (one, two, three, four, five)
                ]
        assert sum(app == "posts" for app in asked) == 2, asked  # the edit itself, and the marks
        assert made.call_count == 2
        assert [each["favourited"] for each in streamed] == [True, True, True, False, False]


ONE, MANY = ["1"], [str(number) for number in range(2_000)]


@pytest.mark.parametrize("people", [ONE, MANY])
async def test_interactions_cost_one_state_call(
    deployment: GatewayDeployment, people: list[str]
) -> None:
    anna = await deployment.register("anna")
    post = await anna.post("statuses", {"status": "hello"})
    await does(anna, post, "pin", "favourite")
    await deployment.cluster.settle()
    posts = next(running for running in deployment.cluster.running if running.name == "posts")
    before = posts.sidecar.state.faults.count("get_many")
    asked = {"post": post["id"], "author": anna.id, "users": [*people[1:], anna.id]}
    answer = await posts.call("POST", "/marks", json=asked)
    assert answer.status == 200
    said = {"favourited": True, "bookmarked": False, "reblogged": False, "pinned": True}
    assert answer.json() == {anna.id: said}
    assert posts.sidecar.state.faults.count("get_many") - before == 1


async def test_only_the_gateway_may_read_interactions(deployment: GatewayDeployment) -> None:
    posts = next(running for running in deployment.cluster.running if running.name == "posts")
    asked = {"post": "1", "author": "1", "users": []}
    assert (await posts.call("POST", "/marks", caller="feed", json=asked)).status == 403
    too_many = asked | {"users": [*MANY, "x"]}
    assert (await posts.call("POST", "/marks", json=too_many)).status == 422


async def test_subscriptions_have_interactions(deployment: GatewayDeployment) -> None:
    anna, ben = await a_pair(deployment)
    post = await anna.post("statuses", {"status": "hello"})
    await does(ben, post, "favourite", "bookmark")
    await deployment.cluster.settle()
    fields = " ".join(OF_GRAPH)
    async with graph_of(ben) as socket:
        for name in ("home", "publicPosts"):
            query = f"subscription {{ {name} {{ event post {{ {fields} }} }} }}"
            await subscribed(deployment, socket, name, query)
        await edit(anna, post)
        mine = await read(ben, post["id"])
        for name in ("home", "publicPosts"):
            streamed = (await await_message(socket, "next", name))["payload"]["data"][name]
            assert streamed["event"] == "EDITED"
            assert streamed["post"] == {flag: mine[flag] for flag in OF_GRAPH}
