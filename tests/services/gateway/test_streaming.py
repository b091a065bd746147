"""The audiences of streams, with the real services."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from services.chassis import cache
from services.feed.application import audiences
from services.feed.domain import relations
from services.gateway.streaming.hub import HEARTBEAT_INTERVAL
from tests.fakes import until
from tests.fakes.broker import message_of
from tests.fakes.streams import FakeStream, stream
from tests.mastodon.schemas import check
from tests.services.gateway.deployment import (
    PASSWORD,
    GatewayDeployment,
    SignedInUser,
    deploy,
    gateway_app,
)

STREAMS = "/api/v1/streaming"


@asynccontextmanager
async def home_of(person: SignedInUser) -> AsyncIterator[FakeStream]:
    async with stream(person.deployment.gateway.app, f"{STREAMS}/user", person.token) as opened:
        assert opened.status == 200
        yield opened


@asynccontextmanager
async def socket_of(person: SignedInUser, *streams: str) -> AsyncIterator[FakeStream]:
    async with stream(person.deployment.gateway.app, STREAMS, person.token, socket=True) as opened:
        assert opened.status == 101
        for each in streams:
            opened.frame(type="subscribe", stream=each)
        opened.frame(type="?", stream="user")
        await until(lambda: opened.frames)
        yield opened


async def a_pair(deployment: GatewayDeployment) -> tuple[SignedInUser, SignedInUser]:
    """Anna, and Ben who follows her."""
    anna, ben = await deployment.register("anna"), await deployment.register("ben")
    await ben.post(f"accounts/{anna.id}/follow")
    await deployment.cluster.settle()
    return anna, ben


async def sentinel(author: SignedInUser, stream: FakeStream) -> None:
    """Wait for a post by the listener: everything sent before it has arrived too."""
    post = await author.post("statuses", {"status": "my own"})
    await author.deployment.cluster.settle()
    await until(lambda: any(_id(data) == post["id"] for _, data in stream.events))


def _id(data: Any) -> str:
    return str(data["id"] if isinstance(data, dict) else data)


async def test_a_follower_gets_a_post_an_edit_and_the_deletion(
    deployment: GatewayDeployment,
) -> None:
    anna, ben = await a_pair(deployment)
    async with home_of(ben) as home:
        post = await anna.post("statuses", {"status": "hello"})
        shown = await home.received("update")
        check("Status", shown)
        assert shown["id"] == post["id"]
        assert shown["account"]["id"] == anna.id
        edit = await anna.ask("PUT", f"/api/v1/statuses/{post['id']}", json={"status": "hi"})
        assert edit.status == 200
        assert "hi" in (await home.received("status.update"))["content"]
        await anna.ask("DELETE", f"/api/v1/statuses/{post['id']}")
        assert str(await home.received("delete")) == post["id"]
        assert [kind for kind, _ in home.events] == ["update", "status.update", "delete"]


async def test_repeated_and_reordered_events_are_sent_once(deployment: GatewayDeployment) -> None:
    anna, ben = await a_pair(deployment)
    async with home_of(ben) as home:
        deployment.cluster.broker.copies = 3
        deployment.cluster.broker.hold()
        post = await anna.post("statuses", {"status": "hello"})
        await anna.ask("PUT", f"/api/v1/statuses/{post['id']}", json={"status": "hi"})
        await until(lambda: not any(box.backlog for box in _outboxes(deployment)))
        deployment.cluster.broker.release(seed=3)
        await deployment.cluster.settle()
        await sentinel(ben, home)
        kinds = [kind for kind, data in home.events if _id(data) == post["id"]]
        assert kinds[0] == "update"
        assert kinds in (["update"], ["update", "status.update"])


def _outboxes(deployment: GatewayDeployment) -> list[Any]:
    return [
        box for running in deployment.cluster.running for box in running.service.outboxes.values()
    ]


async def test_events_are_sent_before_the_feed_applies_them(
    deployment: GatewayDeployment,
) -> None:
    anna, ben = await a_pair(deployment)
    feed = next(running for running in deployment.cluster.running if running.name == "feed")
    async with home_of(ben) as home:
        subscribed = deployment.cluster.broker._groups["posts"].pop("feed")
        post = await anna.post("statuses", {"status": "hello"})
        assert (await home.received("update"))["id"] == post["id"]
        assert await feed.service.collection("card", dict).get(post["id"]) is None
        deployment.cluster.broker._groups["posts"]["feed"] = subscribed


async def test_events_are_sent_only_to_their_audience(deployment: GatewayDeployment) -> None:
    anna, ben = await a_pair(deployment)
    cleo, dora = await deployment.register("cleo"), await deployment.register("dora")
    for person in (cleo, dora):
        await person.post(f"accounts/{anna.id}/follow")
    await cleo.post(f"accounts/{anna.id}/mute")
    await anna.post(f"accounts/{dora.id}/block")
    await deployment.cluster.settle()
    everywhere = ("user", "public", "public:local")
    async with (
        socket_of(ben, *everywhere) as follower,
        socket_of(cleo, *everywhere) as mutes,
        socket_of(dora, *everywhere) as blocked,
    ):
        for visibility in ("direct", "private", "unlisted", "public"):
            form = {"status": f"{visibility} of nobody", "visibility": visibility}
            await anna.post("statuses", form)
        await sentinel(ben, follower)
        await sentinel(cleo, mutes)
        await sentinel(dora, blocked)
        for_ben = [data["content"] for _, data in follower.events]
        assert sum("private of" in text for text in for_ben) == 1
        assert sum("unlisted of" in text for text in for_ben) == 1
        assert sum("public of" in text for text in for_ben) == 3
        assert not any("direct of" in text for text in for_ben)
        for other in (mutes, blocked):
            assert not any("of nobody" in data["content"] for _, data in other.events)


async def test_a_direct_post_and_its_deletion_are_sent_to_the_mentioned(
    deployment: GatewayDeployment,
) -> None:
    anna, ben = await a_pair(deployment)
    cleo = await deployment.register("cleo")
    await cleo.post(f"accounts/{anna.id}/follow")
    await deployment.cluster.settle()
    async with home_of(ben) as named, home_of(cleo) as other:
        form = {"status": "psst @ben", "visibility": "direct"}
        post = await anna.post("statuses", form)
        assert (await named.received("update"))["id"] == post["id"]
        await anna.ask("DELETE", f"/api/v1/statuses/{post['id']}")
        assert str(await named.received("delete")) == post["id"]
        await sentinel(cleo, other)
        assert post["id"] not in other.text


async def test_a_boost_is_sent_with_its_post_except_to_who_hides_the_author(
    deployment: GatewayDeployment,
) -> None:
    anna, ben = await a_pair(deployment)
    cleo = await deployment.register("cleo")
    for person in (ben, cleo):
        await person.post(f"accounts/{anna.id}/follow")
    dora = await deployment.register("dora")
    await ben.post(f"accounts/{dora.id}/mute")
    post = await dora.post("statuses", {"status": "by dora"})
    await deployment.cluster.settle()
    async with home_of(ben) as mutes, socket_of(cleo, "user", "public") as follower:
        await anna.post(f"statuses/{post['id']}/reblog")
        boost = await follower.received("update")
        check("Status", boost)
        assert boost["reblog"]["id"] == post["id"]
        assert boost["reblog"]["account"]["id"] == dora.id
        assert boost["account"]["id"] == anna.id
        await anna.post(f"statuses/{post['id']}/unreblog")
        assert str(await follower.received("delete")) == boost["id"]
        await sentinel(ben, mutes)
        assert post["id"] not in mutes.text
        await sentinel(cleo, follower)
        of_boosts = [frame["stream"] for frame in follower.frames if boost["id"] in str(frame)]
        assert ["public"] not in of_boosts[:1]


async def test_a_private_boost_is_sent_although_the_feed_does_not_know_its_post_yet(
    deployment: GatewayDeployment,
) -> None:
    anna, ben = await a_pair(deployment)
    broker = deployment.cluster.broker
    broker.loses = lambda event: event["data"].get("text") == "for followers"
    post = await anna.post("statuses", {"status": "for followers", "visibility": "private"})
    await anna.post(f"statuses/{post['id']}/favourite")
    async with home_of(anna) as author, home_of(ben) as follower:
        await anna.post(f"statuses/{post['id']}/reblog", {"visibility": "private"})
        for reader, likes in ((author, True), (follower, False)):
            boost = await reader.received("update")
            assert boost["reblog"]["id"] == post["id"]
            assert boost["reblog"]["favourited"] is likes


@pytest.mark.parametrize("visibility", ["public", "private"])
async def test_a_boost_is_sent_although_posts_refuses_who_listens_first(
    deployment: GatewayDeployment, visibility: str
) -> None:
    anna, ben = await a_pair(deployment)
    cleo = await deployment.register("cleo")
    await cleo.post(f"accounts/{anna.id}/follow")
    await deployment.cluster.settle()
    (posts,) = (each.service for each in deployment.cluster.running if each.name == "posts")
    # The feed never hears of the post, so posts is asked for it.
    deployment.cluster.broker.loses = lambda event: event["data"].get("text") == "lost"
    post = await anna.post("statuses", {"status": "lost", "visibility": visibility})
    async with home_of(ben) as refused, home_of(cleo) as follower:
        caller = await posts.token_verifier.verify(ben.token)
        posts.token_verifier._add_revocations([caller.token_id])
        await anna.post(f"statuses/{post['id']}/reblog", {"visibility": visibility})
        for reader in (refused, follower):  # the gateway has not heard of the revocation yet
            assert (await reader.received("update"))["reblog"]["id"] == post["id"]


async def test_notifications_are_sent_to_their_owner_only(
    deployment: GatewayDeployment,
) -> None:
    anna, ben = await a_pair(deployment)
    post = await anna.post("statuses", {"status": "hello"})
    await deployment.cluster.settle()
    streams = ("user", "user:notification")
    async with socket_of(anna, *streams) as owner, socket_of(ben, *streams) as other:
        deployment.cluster.broker.copies = 2
        await ben.post(f"statuses/{post['id']}/favourite")
        notification = await owner.received("notification", 2)
        check("Notification", notification)
        assert notification["type"] == "favourite"
        assert notification["account"]["id"] == ben.id
        same = await anna.get(f"notifications/{notification['id']}")
        assert same["status"]["id"] == notification["status"]["id"] == post["id"]
        await sentinel(ben, other)
        await sentinel(anna, owner)
        stream_names = [
            frame["stream"] for frame in owner.frames if frame.get("event") == "notification"
        ]
        assert sorted(stream_names) == [["user"], ["user:notification"]]
        assert "notification" not in [kind for kind, _ in other.events]


async def test_followers_are_found_among_many_listeners(
    deployment: GatewayDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audiences, "_MAX_SINGLE_LOOKUPS", 0)
    anna, ben = await a_pair(deployment)
    cleo = await deployment.register("cleo")
    async with home_of(ben) as follower, home_of(anna) as own, home_of(cleo) as stranger:
        post = await anna.post("statuses", {"status": "hello"})
        assert (await follower.received("update"))["id"] == post["id"]
        assert (await own.received("update"))["id"] == post["id"]
        await sentinel(cleo, stranger)
        assert post["id"] not in stranger.text


ONE, MANY = ["1"], [str(number) for number in range(1000)]


@pytest.mark.parametrize(
    ("text", "costs"),
    [("hello", [(ONE, 2), (MANY, 2)]), ("#sea", [(ONE, 2), (MANY, 3), (MANY, 2)])],
)
async def test_an_audience_has_a_constant_cost(
    deployment: GatewayDeployment,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    costs: list[tuple[list[str], int]],
) -> None:
    """Two state calls, and one more for a hashtag whose followers are not cached."""
    anna, _ = await a_pair(deployment)
    feed = next(running for running in deployment.cluster.running if running.name == "feed")
    post = await anna.post("statuses", {"status": text})
    await deployment.cluster.settle()
    view = (await deployment.gateway.service.sidecar.invoke("posts", f"posts/{post['id']}")).json()
    now = time.monotonic()  # it stands still, or the cache could expire between two questions
    monkeypatch.setattr(cache, "time", SimpleNamespace(monotonic=lambda: now))
    for users, cost in costs:
        before = len(feed.sidecar.state.faults.calls)
        asked = {"post": view["post"], "version": view["version"], "users": users}
        answer = await feed.call("POST", "/audiences", json={**asked, "viewers": users})
        assert answer.status == 200
        assert len(feed.sidecar.state.faults.calls) - before == cost


@pytest.fixture(params=["few", "many"])
def listeners(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With few listeners, and with so many that their relationships are not read one by one."""
    if request.param == "many":
        monkeypatch.setattr(audiences, "_MAX_SINGLE_LOOKUPS", 0)


@pytest.mark.usefixtures("listeners")
async def test_followers_of_a_hashtag_get_a_post_its_edit_and_deletion(
    deployment: GatewayDeployment,
) -> None:
    anna, ben = await deployment.register("anna"), await deployment.register("ben")
    await ben.post("tags/Sea/follow")
    await deployment.cluster.settle()
    async with home_of(ben) as home:
        far = await anna.post("statuses", {"status": "a #mountain"})
        post = await anna.post("statuses", {"status": "the #sea"})
        assert (await home.received("update"))["id"] == post["id"]
        await anna.ask("PUT", f"/api/v1/statuses/{post['id']}", json={"status": "a blue #sea"})
        assert "blue" in (await home.received("status.update"))["content"]
        await anna.ask("DELETE", f"/api/v1/statuses/{post['id']}")
        assert str(await home.received("delete")) == post["id"]
        await sentinel(ben, home)
        assert far["id"] not in home.text


@pytest.mark.usefixtures("listeners")
async def test_followers_of_author_and_hashtag_get_a_post_once(
    deployment: GatewayDeployment,
) -> None:
    anna, ben = await a_pair(deployment)
    for tag in ("sea", "sun"):
        await ben.post(f"tags/{tag}/follow")
    await deployment.cluster.settle()
    async with home_of(ben) as home:
        post = await anna.post("statuses", {"status": "#sea and #sun"})
        await sentinel(ben, home)
        assert [_id(data) for _, data in home.events].count(post["id"]) == 1


@pytest.mark.usefixtures("listeners")
async def test_hashtag_events_are_those_of_the_home_timeline(deployment: GatewayDeployment) -> None:
    anna = await deployment.register("anna")
    mutes, blocks, blocked, left, plain = [
        await deployment.register(name) for name in ("mutes", "blocks", "blocked", "left", "plain")
    ]
    readers = [mutes, blocks, blocked, left, plain]
    for reader in readers:
        await reader.post("tags/sea/follow")
    await mutes.post(f"accounts/{anna.id}/mute")
    await blocks.post(f"accounts/{anna.id}/block")
    await anna.post(f"accounts/{blocked.id}/block")
    await left.post("tags/sea/unfollow")
    await deployment.cluster.settle()
    for visibility in ("direct", "private", "unlisted", "public"):
        async with AsyncExitStack() as stack:
            homes = [await stack.enter_async_context(home_of(reader)) for reader in readers]
            form = {"status": f"{visibility} #sea", "visibility": visibility}
            post = await anna.post("statuses", form)
            for reader, home in zip(readers, homes, strict=True):
                await sentinel(reader, home)
                at_home = [row["id"] for row in await reader.get("timelines/home")]
                assert (post["id"] in home.text) is (post["id"] in at_home)
                assert (post["id"] in home.text) is (reader is plain and visibility == "public")


async def test_only_hashtags_merged_into_home_are_streamed(
    deployment: GatewayDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relations, "MAX_HOME_TAGS", 2)
    anna, ben = await deployment.register("anna"), await deployment.register("ben")
    for tag in ("sea", "sun", "sand"):
        await ben.post(f"tags/{tag}/follow")
    await deployment.cluster.settle()
    async with home_of(ben) as home:
        posts = [await anna.post("statuses", {"status": f"#{tag}"}) for tag in ("sea", "sun")]
        await sentinel(ben, home)
        assert [post["id"] in home.text for post in posts] == [False, True]
        at_home = [row["id"] for row in await ben.get("timelines/home")]
        assert [post["id"] in at_home for post in posts] == [False, True]


async def test_followed_hashtags_of_deleted_accounts_are_removed(
    deployment: GatewayDeployment,
) -> None:
    ben = await deployment.register("ben")
    await ben.post("tags/sea/follow")
    await deployment.cluster.settle()
    feed = next(running for running in deployment.cluster.running if running.name == "feed")
    kept = feed.service.collection("hometags", dict)
    assert await kept.get(ben.id)
    form = {"login": "ben", "password": PASSWORD}
    auth = next(running for running in deployment.cluster.running if running.name == "auth")
    assert (await auth.call("POST", "/deletions", caller="gateway", json=form)).status == 200
    await deployment.cluster.settle()
    assert await kept.get(ben.id) is None


async def test_only_the_gateway_may_read_audiences(deployment: GatewayDeployment) -> None:
    feed = next(running for running in deployment.cluster.running if running.name == "feed")
    assert (await feed.call("POST", "/audiences", caller="posts", json={})).status == 403


async def test_every_replica_sends_to_its_own_clients(deployment: GatewayDeployment) -> None:
    anna, ben = await a_pair(deployment)
    second = await deployment.cluster.start(gateway_app, "gateway")
    async with home_of(ben) as here, stream(second.app, f"{STREAMS}/user", ben.token) as there:
        post = await anna.post("statuses", {"status": "hello"})
        for opened in (here, there):
            assert (await opened.received("update"))["id"] == post["id"]


async def test_a_socket_accepts_its_token_in_three_places(deployment: GatewayDeployment) -> None:
    anna = await deployment.register("anna")
    ways: list[dict[str, Any]] = [
        {"target": STREAMS, "token": anna.token},
        {"target": f"{STREAMS}/?access_token={anna.token}"},
        {"target": STREAMS, "subprotocols": [anna.token]},
    ]
    for way in ways:
        async with stream(deployment.gateway.app, socket=True, **way) as opened:
            assert opened.status == 101
            accepted = opened.sent[0]
            assert accepted.get("subprotocol") == (anna.token if "subprotocols" in way else None)
            assert (b"x-ratelimit-limit", b"300") in accepted["headers"]


@pytest.mark.parametrize("socket", [False, True])
async def test_streams_require_a_user_token(deployment: GatewayDeployment, socket: bool) -> None:
    app = await deployment.app_token(await deployment.app())
    target = STREAMS if socket else f"{STREAMS}/user"
    for token in ("", "nonsense", app):
        async with stream(deployment.gateway.app, target, token, socket=socket) as opened:
            assert opened.status == 401
            assert "error" in orjson.loads(opened.text)


async def test_connecting_is_charged_as_a_request() -> None:
    async with deploy(microgram_limit_user=3) as deployment:
        anna = await deployment.register("anna")
        for turn in range(4):
            async with stream(deployment.gateway.app, STREAMS, anna.token, socket=True) as opened:
                assert opened.status == (101 if turn < 2 else 429)


@pytest.mark.parametrize("socket", [False, True])
async def test_too_many_streams_are_rejected(socket: bool) -> None:
    target = STREAMS if socket else f"{STREAMS}/user"
    async with deploy(microgram_streams=3, microgram_streams_user=2) as deployment:
        anna, ben, cleo = [await deployment.register(name) for name in ("anna", "ben", "cleo")]
        app = deployment.gateway.app
        async with (
            stream(app, target, anna.token, socket=socket),
            stream(app, target, anna.token, socket=socket),
        ):
            async with stream(app, target, anna.token, socket=socket) as third:
                assert third.status == 429
                assert "2 streams" in orjson.loads(third.text)["error"]
            async with stream(app, target, ben.token, socket=socket) as other:
                assert other.status == (101 if socket else 200)
                async with stream(app, target, cleo.token, socket=socket) as last:
                    assert last.status == 429
        async with stream(app, target, anna.token, socket=socket) as again:
            assert again.status == (101 if socket else 200)


async def test_revoking_a_token_closes_its_streams(deployment: GatewayDeployment) -> None:
    app = await deployment.app()
    anna, ben = await deployment.register("anna", app), await deployment.register("ben")
    async with home_of(anna) as one, socket_of(anna) as two, home_of(ben) as other:
        form = {key: app[key] for key in ("client_id", "client_secret")}
        gone = await deployment.ask("POST", "/oauth/revoke", form={**form, "token": anna.token})
        assert gone.status == 200
        await asyncio.wait_for(asyncio.gather(one.over.wait(), two.over.wait()), 30)
        assert two.sent[-1] == {"type": "websocket.close", "code": 1001, "reason": ""}
        assert not other.over.is_set()


async def test_deleting_an_account_closes_its_streams(deployment: GatewayDeployment) -> None:
    anna, ben = await deployment.register("anna"), await deployment.register("ben")
    async with home_of(anna) as gone, socket_of(anna) as gone_too, home_of(ben) as other:
        event = deployment.cluster.broker.events("accounts")[-1]
        data = {**event["data"], "id": anna.id, "deleted": True}
        said = {**event, "subject": anna.id, "entityversion": 99, "data": data}
        answer = await deployment.gateway.call(
            "POST", "/events-broadcast/accounts", caller="", json=message_of([said])
        )
        assert answer.json() == {"status": "SUCCESS"}
        await asyncio.wait_for(asyncio.gather(gone.over.wait(), gone_too.over.wait()), 30)
        assert not other.over.is_set()


async def test_invalid_broadcasts_are_ignored(deployment: GatewayDeployment) -> None:
    for said in ({}, {"nonsense": 1}):
        answer = await deployment.gateway.call(
            "POST", "/events-broadcast/posts", caller="", json=said
        )
        assert answer.json() == {"status": "SUCCESS"}


async def test_a_stream_that_is_not_read_is_aborted(deployment: GatewayDeployment) -> None:
    anna, ben = await a_pair(deployment)
    async with home_of(ben) as slow, home_of(anna) as quick:
        slow.reads.clear()
        for turn in range(80):
            post = await anna.post("statuses", {"status": f"turn {turn}"})
            if slow.transport.aborted.is_set():
                break
        await asyncio.wait_for(slow.transport.aborted.wait(), 30)
        await until(lambda: post["id"] in quick.text)


async def test_an_idle_stream_gets_heartbeats(deployment: GatewayDeployment) -> None:
    anna = await deployment.register("anna")
    async with home_of(anna) as home:
        for _ in range(HEARTBEAT_INTERVAL):
            await deployment.hub.maintain()
        await until(lambda: home.text.startswith(":)\n:thump\n"))
