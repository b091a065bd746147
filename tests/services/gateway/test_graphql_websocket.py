"""GraphQL subscriptions, with the real services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from unittest import mock

import pytest

from services.gateway.graphql import websocket
from tests.fakes import APP_TOKEN, until
from tests.fakes.streams import FakeStream, stream
from tests.services.gateway.deployment import GatewayDeployment, SignedInUser, deploy
from tests.services.gateway.graphql_client import a_gateway

PROTOCOL = "graphql-transport-ws"
MANY = "comments(first: 40) { nodes { id html text url tags { name } } }"
HOME = "subscription { home { event id post { html author { username } } } }"


@asynccontextmanager
async def opened(deployment: GatewayDeployment, token: str = "") -> AsyncIterator[FakeStream]:
    """A socket before its init message."""
    asking = stream(deployment.gateway.app, "/graphql", token, socket=True, subprotocols=[PROTOCOL])
    async with asking as socket:
        assert socket.status == 101
        yield socket


@asynccontextmanager
async def socket_of(person: SignedInUser) -> AsyncIterator[FakeStream]:
    """A socket after its init message."""
    async with opened(person.deployment) as socket:
        socket.frame(type="connection_init", payload={"Authorization": f"Bearer {person.token}"})
        await await_message(socket, "connection_ack")
        yield socket


async def await_message(
    socket: FakeStream, kind: str, id: str | None = None, count: int = 1
) -> Any:
    """The newest message of a kind, once so many are there."""

    def found() -> list[Any]:
        return [f for f in socket.frames if f["type"] == kind and (not id or f.get("id") == id)]

    await until(lambda: len(found()) >= count)
    return found()[-1]


async def subscribed(
    deployment: GatewayDeployment, socket: FakeStream, id: str, query: str, **more: Any
) -> None:
    """Subscribe, and wait until it is done."""
    before = sum(len(ears) for ears in deployment.hub._listeners.values())
    payload = {"query": query, "variables": more or "", "operationName": ""}
    socket.frame(type="subscribe", id=id, payload=payload)
    await until(
        lambda: sum(len(ears) for ears in deployment.hub._listeners.values()) > before,
    )


async def closed(socket: FakeStream) -> int:
    """The code with which the server closes a socket."""
    await until(lambda: [m for m in socket.sent if m["type"] == "websocket.close"])
    return int(next(m["code"] for m in socket.sent if m["type"] == "websocket.close"))


async def test_a_follower_gets_a_post_an_edit_and_the_deletion(
    deployment: GatewayDeployment,
) -> None:
    anna, ben = await deployment.register("anna"), await deployment.register("ben")
    await ben.post(f"accounts/{anna.id}/follow")
    await deployment.cluster.settle()
    async with socket_of(ben) as socket:
        await subscribed(deployment, socket, "1", HOME)
        post = await anna.post("statuses", {"status": "hello"})
        data = (await await_message(socket, "next", "1"))["payload"]["data"]["home"]
        assert data == {
            "event": "NEW",
            "id": post["id"],
            "post": {"html": post["content"], "author": {"username": "anna"}},
        }
        await anna.ask("PUT", f"/api/v1/statuses/{post['id']}", json={"status": "hi"})
        data = (await await_message(socket, "next", "1", 2))["payload"]["data"]["home"]
        assert data["event"] == "EDITED"
        assert "hi" in data["post"]["html"]
        await anna.ask("DELETE", f"/api/v1/statuses/{post['id']}")
        data = (await await_message(socket, "next", "1", 3))["payload"]["data"]["home"]
        assert data == {"event": "DELETED", "id": post["id"], "post": None}


async def test_a_socket_completes_one_of_several_subscriptions(
    deployment: GatewayDeployment,
) -> None:
    anna, ben = await deployment.register("anna"), await deployment.register("ben")
    async with socket_of(ben) as socket:
        public = "subscription { publicPosts { id } }"
        tagged = "subscription ($tag: String!) { taggedPosts(tag: $tag) { id } }"
        await subscribed(deployment, socket, "public", public)
        await subscribed(deployment, socket, "tagged", tagged, tag="#Cats")
        await subscribed(
            deployment,
            socket,
            "notifications",
            "subscription { notifications { type person { username } } }",
        )
        post = await anna.post("statuses", {"status": "look #cats"})
        for id, name in (("public", "publicPosts"), ("tagged", "taggedPosts")):
            data = (await await_message(socket, "next", id))["payload"]["data"][name]
            assert data == {"id": post["id"]}
        await anna.post(f"accounts/{ben.id}/follow")
        await deployment.cluster.settle()
        data = (await await_message(socket, "next", "notifications"))["payload"]["data"][
            "notifications"
        ]
        assert data == {"type": "follow", "person": {"username": "anna"}}
        socket.frame(type="complete", id="public")
        socket.frame(type="ping")
        await await_message(socket, "pong")
        await until(lambda: not deployment.hub.has_listeners(("public", "")))
        await anna.post("statuses", {"status": "more #cats"})
        await await_message(socket, "next", "tagged", 2)
        assert sum(f.get("id") == "public" and f["type"] == "next" for f in socket.frames) == 1
    await until(lambda: not len(deployment.hub))


async def test_events_reach_only_their_audience(deployment: GatewayDeployment) -> None:
    anna, ben = await deployment.register("anna"), await deployment.register("ben")
    async with socket_of(ben) as socket:
        await subscribed(deployment, socket, "1", "subscription { publicPosts { id } }")
        await subscribed(deployment, socket, "2", HOME)
        for visibility in ("unlisted", "private", "direct"):
            await anna.post("statuses", {"status": "not this", "visibility": visibility})
        seen = await anna.post("statuses", {"status": "but this"})
        await deployment.cluster.settle()
        data = await await_message(socket, "next")
        assert data["payload"]["data"] == {"publicPosts": {"id": seen["id"]}}
        assert sum(frame["type"] == "next" for frame in socket.frames) == 1


async def test_an_invalid_subscription_is_an_error_of_that_operation(
    deployment: GatewayDeployment,
) -> None:
    anna = await deployment.register("anna")
    reader = await deployment.log_in("anna", "read:statuses")
    wrong = {
        "subscription { nothing }": "GRAPHQL_VALIDATION_FAILED",
        "{ viewer { note } }": "BAD_REQUEST",
        "mutation { clearNotifications }": "BAD_REQUEST",
        "subscription { home { id } publicPosts { id } }": "GRAPHQL_VALIDATION_FAILED",
        'subscription { taggedPosts(tag: " ") { id } }': "BAD_USER_INPUT",
        "subscription { notifications { id } }": "FORBIDDEN",
        f"subscription {{ home {{ post {{ {MANY} }} }} }}": "TOO_COMPLEX",
    }
    async with socket_of(SignedInUser(deployment, anna.id, "anna", reader)) as socket:
        for turn, (query, code) in enumerate(wrong.items()):
            socket.frame(type="subscribe", id=f"{turn}", payload={"query": query})
            (error, *_) = (await await_message(socket, "error", f"{turn}"))["payload"]
            assert error["extensions"]["code"] == code
        socket.frame(type="subscribe", id="x", payload=[])
        await await_message(socket, "error", "x")
        for turn in range(websocket.MAX_SUBSCRIPTIONS + 1):
            socket.frame(type="subscribe", id=f"many {turn}", payload={"query": HOME})
        refused = await await_message(socket, "error", f"many {websocket.MAX_SUBSCRIPTIONS}")
        assert refused["payload"][0]["extensions"]["code"] == "TOO_COMPLEX"


@pytest.fixture
async def alone() -> AsyncIterator[GatewayDeployment]:
    async with a_gateway() as made:
        yield made


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ([{"type": "subscribe", "id": "1", "payload": {"query": HOME}}], 4401),
        ([{"type": "connection_init"}], 4403),
        ([{"type": "connection_init", "payload": {"Authorization": "Bearer x"}}], 4403),
        ([{"type": "connection_init", "payload": [1]}], 4403),
        ([{"kind": "?"}], 4400),
        ([[]], 4400),
    ],
)
async def test_an_invalid_init_closes_the_socket(
    alone: GatewayDeployment, said: list[Any], code: int
) -> None:
    async with opened(alone) as socket:
        for message in said:
            socket.frame(**message) if isinstance(message, dict) else socket.say(
                {"type": "websocket.receive", "text": "["}
            )
        assert await closed(socket) == code


async def test_a_protocol_violation_closes_the_socket(deployment: GatewayDeployment) -> None:
    anna = await deployment.register("anna")
    twice = {"type": "subscribe", "id": "1", "payload": {"query": HOME}}
    for said, code in (
        ([{"type": "connection_init"}], 4429),
        ([twice, twice], 4409),
        ([{"type": "nothing"}], 4400),
        ([{"type": "subscribe", "payload": {"query": HOME}}], 4400),
        ([{"type": "subscribe", "id": 7, "payload": {"query": HOME}}], 4400),
    ):
        async with socket_of(anna) as socket:
            for message in said:
                socket.frame(**message)
            assert await closed(socket) == code
    async with stream(deployment.gateway.app, "/graphql", socket=True) as other:
        assert await closed(other) == 4406
    bad = stream(deployment.gateway.app, "/graphql", "bad", socket=True, subprotocols=[PROTOCOL])
    async with bad as refused:
        assert refused.status == 401
    assert not len(deployment.hub)


async def test_a_missing_init_closes_the_socket(alone: GatewayDeployment) -> None:
    with mock.patch.object(websocket, "INIT_TIMEOUT", 0.01):
        async with opened(alone) as socket:
            assert await closed(socket) == 4408


async def test_revoking_the_token_closes_the_socket(deployment: GatewayDeployment) -> None:
    anna = await deployment.register("anna")
    async with opened(deployment, anna.token) as socket:
        socket.frame(type="connection_init")
        await await_message(socket, "connection_ack")
        deployment.hub.close_user(anna.id)
        assert await closed(socket) == 1001


async def test_the_operator_is_not_rate_limited() -> None:
    async with deploy(microgram_limit_user=1) as deployment:
        anna = await deployment.register("anna")
        asking = stream(
            deployment.gateway.app,
            "/graphql",
            anna.token,
            socket=True,
            headers={"dapr-api-token": APP_TOKEN},
            subprotocols=[PROTOCOL],
        )
        async with asking as socket:
            socket.frame(type="connection_init")
            await await_message(socket, "connection_ack")
            await subscribed(deployment, socket, "1", HOME)
            await subscribed(deployment, socket, "2", "subscription { publicPosts { id } }")


async def test_a_client_that_does_not_read_is_aborted(deployment: GatewayDeployment) -> None:
    anna = await deployment.register("anna")
    async with socket_of(anna) as socket:
        await subscribed(deployment, socket, "1", HOME)
        socket.reads.clear()
        for _ in range(200):
            socket.frame(type="ping")
        await socket.transport.aborted.wait()


async def test_a_message_is_charged_by_its_size_though_it_fails() -> None:
    async with deploy(microgram_limit_user=10) as deployment:
        anna = await deployment.register("anna")
        async with opened(deployment, anna.token) as socket:
            socket.frame(type="connection_init")
            await await_message(socket, "connection_ack")
            payload = {"query": "subscription { " + "a " * 2_000}
            for id in "1", "2", "3":
                socket.frame(type="subscribe", id=id, payload=payload)
            codes = [
                (await await_message(socket, "error", id))["payload"][0]["extensions"]["code"]
                for id in ("1", "2", "3")
            ]
    assert codes == ["TOO_COMPLEX", "TOO_COMPLEX", "RATE_LIMITED"]
