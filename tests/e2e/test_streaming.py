"""Streams over server-sent events and WebSockets."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from websockets.exceptions import InvalidStatus

from tests.system import LoggedInUser, System, wait_until
from tests.system.streams import WebSocketClient, mastodon_listener, websocket_client

Make = Callable[[str], LoggedInUser]

WAYS = ("header", "query", "protocol")


def follow(follower: LoggedInUser, author: LoggedInUser) -> None:
    """Follow a user, and wait until feed has the relation."""
    follower.client.account_follow(author.id)
    first = author.client.status_post("the first")
    wait_until(lambda: first.id in [post.id for post in follower.client.timeline_home()])


def _home(person: LoggedInUser) -> list[str]:
    return [post.id for post in person.client.timeline_home()]


@pytest.fixture
def pair(anna: LoggedInUser, ben: LoggedInUser) -> tuple[LoggedInUser, LoggedInUser]:
    """Anna, and Ben who follows her."""
    follow(ben, anna)
    return anna, ben


def test_a_follower_gets_a_post_its_edit_and_its_deletion(
    pair: tuple[LoggedInUser, LoggedInUser],
) -> None:
    anna, ben = pair
    with mastodon_listener(ben) as ear:
        post = anna.client.status_post("a post of Anna")
        shown = ear.received("update", lambda status: status.id == post.id)
        assert shown.account.id == post.account.id
        assert shown.content == post.content
        anna.client.status_update(post.id, "an edited post of Anna")
        edited = ear.received("status.update", lambda status: status.id == post.id)
        assert "edited" in edited.content
        assert edited.edited_at
        anna.client.status_delete(post.id)
        ear.received("delete", lambda id: str(id) == str(post.id))
        assert [kind for kind, _ in ear.events] == ["update", "status.update", "delete"]


def test_a_post_comes_home_by_a_followed_hashtag(
    anna: LoggedInUser, ben: LoggedInUser, someone: Make
) -> None:
    muting = someone("muting")
    tag = anna.name.replace("_", "")
    muting.client.account_mute(anna.id)
    for reader in (ben, muting):
        reader.client.tag_follow(tag)
    theirs = anna.client.status_post(f"the first, #{tag}").id
    wait_until(lambda: theirs in _home(ben))
    bens = ben.client.status_post(f"mine, #{tag}").id
    wait_until(lambda: bens in _home(muting) and theirs not in _home(muting))
    with (
        websocket_client(anna.base, ben.token, query="stream=user") as home,
        websocket_client(anna.base, muting.token, query="stream=user") as deaf,
    ):
        home.settle()
        deaf.settle()
        for visibility in ("unlisted", "private"):
            anna.client.status_post(f"quietly, #{tag}", visibility=visibility)
        post = anna.client.status_post(f"found by #{tag}")
        shown = home.received("update", "found by")
        assert (shown["id"], shown["account"]["id"]) == (str(post.id), anna.id)
        anna.client.status_delete(post.id)
        assert home.received("delete", "") == int(post.id)
        deaf.received("update", str(muting.client.status_post("mine").id))
        for ear in (home, deaf):
            assert "quietly" not in json.dumps(ear.frames)
        assert "found by" not in json.dumps(deaf.frames)


def test_an_author_gets_their_own_post(anna: LoggedInUser) -> None:
    with mastodon_listener(anna) as ear:
        post = anna.client.status_post("to myself")
        ear.received("update", lambda status: status.id == post.id)


def test_notifications_are_streamed_to_their_owner(pair: tuple[LoggedInUser, LoggedInUser]) -> None:
    anna, ben = pair
    post = anna.client.status_post("like me")
    with mastodon_listener(anna) as home, mastodon_listener(anna, "user_notifications") as only:
        ben.client.status_favourite(post.id)
        for ear in (home, only):
            streamed = ear.received("notification", lambda each: each.type == "favourite")
            assert streamed.status.id == post.id
            assert str(streamed.account.id) == ben.id


def test_what_is_not_for_somebody_does_not_reach_them(
    pair: tuple[LoggedInUser, LoggedInUser], someone: Make
) -> None:
    anna, ben = pair
    stranger, muting = someone("stranger"), someone("muting")
    follow(muting, anna)
    muting.client.account_mute(anna.id)
    wait_until(lambda: not muting.client.timeline_home())
    with (
        websocket_client(anna.base, ben.token, query="stream=user") as home,
        websocket_client(anna.base, stranger.token, query="stream=user") as far,
        websocket_client(anna.base, muting.token, query="stream=public") as deaf,
        websocket_client(anna.base, stranger.token, query="stream=public") as public,
    ):
        for each in (home, far, deaf, public):
            each.settle()
        anna.client.status_post("a word to followers", visibility="private")
        anna.client.status_post("nobody is named here", visibility="direct")
        anna.client.status_post("a word to all")
        assert home.received("update", "a word to followers")["visibility"] == "private"
        home.received("update", "a word to all")
        public.received("update", "a word to all")
        last = muting.client.status_post("a last word")
        far_last = stranger.client.status_post("a last word")
        far.received("update", far_last.id)
        deaf.received("update", last.id)
        for each in (home, far, deaf, public):
            assert "nobody is named" not in json.dumps(each.frames)
            assert each is home or "to followers" not in json.dumps(each.frames)
        for each in (far, deaf):
            assert "a word to all" not in json.dumps(each.frames)


@pytest.mark.parametrize("way", WAYS)
def test_a_token_may_be_passed_in_three_ways(
    pair: tuple[LoggedInUser, LoggedInUser], way: str
) -> None:
    anna, ben = pair
    with websocket_client(anna.base, ben.token, by=way, query="stream=user", slash="/") as socket:
        assert socket.connection.subprotocol == (ben.token if way == "protocol" else None)
        socket.settle()
        post = anna.client.status_post(f"by {way}")
        assert socket.received("update", str(post.id), ["user"])["id"] == str(post.id)


def test_one_socket_listens_to_several_streams_and_to_fewer(
    pair: tuple[LoggedInUser, LoggedInUser], picture: Path
) -> None:
    anna, ben = pair
    with websocket_client(anna.base, ben.token) as socket:
        for stream in ("user", "public", "public:media"):
            socket.send(type="subscribe", stream=stream)
        socket.send(type="subscribe", stream="hashtag", tag="Cats")
        socket.settle()
        upload = anna.upload(picture, description="a cat")
        anna.client.status_post("look #cats", media_ids=[upload])
        got = [socket.next() for _ in range(4)]
        assert {tuple(frame["stream"]) for frame in got} == {
            ("user",),
            ("public",),
            ("public:media",),
            ("hashtag", "Cats"),
        }
        assert len({frame["payload"] for frame in got}) == 1
        socket.send(type="unsubscribe", stream="user")
        socket.send(type="unsubscribe", stream="hashtag", tag="cats")
        socket.settle()
        anna.client.status_post("no picture #cats")
        assert socket.next()["stream"] == ["public"]
        socket.settle()
        assert len(socket.frames) == 4 + 1 + 1 + 2


def test_public_and_hashtag_streams_by_mastodon_py(anna: LoggedInUser, ben: LoggedInUser) -> None:
    with (
        mastodon_listener(ben, "public", local=True) as public,
        mastodon_listener(ben, "hashtag", "seen") as tagged,
    ):
        post = anna.client.status_post("everybody, #seen")
        public.received("update", lambda status: status.id == post.id)
        tagged.received("update", lambda status: status.id == post.id)
        anna.client.status_delete(post.id)
        public.received("delete", lambda id: str(id) == str(post.id))


@pytest.mark.parametrize("token", ["", "not-a-token"])
def test_nobody_listens_without_a_good_token(system: System, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    for path in ("user", "user/notification", "public", "public/local", "hashtag?tag=a"):
        reply = system.get(f"/api/v1/streaming/{path}", headers=headers)
        assert reply.status_code == 401
        assert reply.json()["error"]
    for way in WAYS if token else ("header",):
        with (
            pytest.raises(InvalidStatus) as refused,
            websocket_client(system.base, token or "-", by=way),
        ):
            pass
        assert refused.value.response.status_code == 401
        assert json.loads(refused.value.response.body)["error"]


def test_an_apps_own_token_and_one_of_another_scope_do_not_do(anna: LoggedInUser) -> None:
    writer = anna.app.register(anna.base, "writer", ["write"])
    token = anna.token_for(writer)
    headers = {"Authorization": f"Bearer {token}"}
    reply = requests.get(f"{anna.base}/api/v1/streaming/user", headers=headers, timeout=60)
    assert reply.status_code == 403
    with websocket_client(anna.base, token) as socket:
        socket.send(type="subscribe", stream="user")
        assert socket.next()["status"] == 403


@pytest.mark.parametrize(
    ("path", "status"), [("hashtag", 422), ("hashtag?tag=%20", 422), ("nothing", 404)]
)
def test_what_cannot_be_listened_to_is_refused(anna: LoggedInUser, path: str, status: int) -> None:
    assert anna.call("GET", f"/api/v1/streaming/{path}").status_code == status


def test_wrong_frames_are_answered_and_do_no_harm(anna: LoggedInUser) -> None:
    with websocket_client(anna.base, anna.token, query="stream=unheard-of") as socket:
        assert socket.next() == {"error": "Unknown stream type", "status": 404}
        wrong = ("", "[]", "{", '{"type": "subscribe"}', '{"type":"subscribe","stream":"hashtag"}')
        for text in wrong:
            socket.connection.send(text)
            assert socket.next()["status"] in (400, 422)
        socket.send(type="subscribe", stream="user")
        socket.settle()
        post = anna.client.status_post("still there")
        socket.received("update", str(post.id))


def test_streaming_is_healthy_and_open_to_browsers(anna: LoggedInUser) -> None:
    assert anna.client.stream_healthy()
    reply = requests.options(f"{anna.base}/api/v1/streaming/user", timeout=60)
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    url = f"{anna.base}/api/v1/streaming/user/?access_token={anna.token}"
    with requests.get(url, stream=True, timeout=60) as stream:
        assert stream.status_code == 200
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        assert stream.headers["Access-Control-Allow-Origin"] == "*"
        assert next(stream.iter_lines()) == b":)"


def test_the_streams_of_a_revoked_token_end_within_five_seconds(anna: LoggedInUser) -> None:
    token = anna.token_for(anna.app)
    url = f"{anna.base}/api/v1/streaming/user"
    headers = {"Authorization": f"Bearer {token}"}
    with (
        requests.get(url, headers=headers, stream=True, timeout=60) as stream,
        websocket_client(anna.base, token, query="stream=user") as socket,
        websocket_client(anna.base, anna.token, query="stream=user") as other,
    ):
        socket.settle()
        form = {
            "client_id": anna.app.client_id,
            "client_secret": anna.app.client_secret,
            "token": token,
        }
        assert requests.post(f"{anna.base}/oauth/revoke", data=form, timeout=60).ok
        began = time.monotonic()
        assert socket.closed(20) == 1001
        assert b":)" in b"".join(stream.iter_content(None))  # which returns at the end alone
        assert time.monotonic() - began < 5.0
        post = anna.client.status_post("my other phone shows this")
        other.received("update", str(post.id))


@pytest.fixture
def second(system: System) -> str:
    """Return the address of the other gateway."""
    row = system.ps().get("gateway.2")
    if row is None:
        pytest.skip("this system has one gateway")
    return row.address


def test_every_gateway_streams_to_its_own_connections(
    pair: tuple[LoggedInUser, LoggedInUser], second: str
) -> None:
    anna, ben = pair
    with (
        websocket_client(anna.base, ben.token, query="stream=user") as here,
        websocket_client(second, ben.token, query="stream=user") as there,
    ):
        here.settle()
        there.settle()
        post = anna.client.status_post("here and there")
        for socket in (here, there):
            socket.received("update", str(post.id))
            socket.settle()
            assert _updates(socket) == 1


def _updates(socket: WebSocketClient) -> int:
    return sum(frame.get("event") == "update" for frame in socket.frames)


def test_an_event_arrives_soon_after_it_is_acknowledged(
    pair: tuple[LoggedInUser, LoggedInUser],
) -> None:
    anna, ben = pair
    took = []
    with websocket_client(anna.base, ben.token, query="stream=user") as socket:
        socket.settle()
        for turn in range(10):
            post = anna.client.status_post(f"turn {turn}")
            answered = time.monotonic()
            socket.received("update", str(post.id))
            took.append(time.monotonic() - answered)
    assert sorted(took)[len(took) // 2] < 1.0, took  # at rest 0.2 (docs/benchmark.md)
