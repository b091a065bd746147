from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from services.chassis.errors import Invalid, NotFound
from services.chassis.ids import first_id_at, timestamp
from services.chassis.security.caller import Caller
from services.contracts.posts import Post
from services.gateway.streaming.channels import channel_of, frame_names, shared_channels
from services.gateway.streaming.connections import (
    MAX_QUEUED_BYTES,
    MAX_QUEUED_MESSAGES,
    SseTransport,
    StreamConnection,
)
from services.gateway.streaming.deduplication import MAX_EVENT_AGE, PostDeduplicator
from services.gateway.streaming.events import StreamEvent
from services.gateway.streaming.tokens import with_authorization
from tests.fakes import until
from tests.fakes.streams import FakeStream

NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
ANNA = Caller("1", "app", "token", frozenset({"read"}), "jwt")


def post(age: float = 0, edited: float | None = None, **more: object) -> Post:
    """A post that was made, and perhaps edited, so many seconds ago."""
    made = datetime.fromtimestamp(NOW - age, UTC)
    return Post.model_validate(
        {
            "id": str(int(first_id_at(made)) + 1),
            "author": "1",
            "created_at": timestamp(made),
            "edited_at": edited if edited is None else timestamp(_ago(edited)),
            **more,
        }
    )


def _ago(seconds: float) -> datetime:
    return datetime.fromtimestamp(NOW - seconds, UTC)


# ── what is news ────────────────────────────────────────────────────────────────────────────────


def test_a_post_has_one_event_per_creation_edit_and_deletion() -> None:
    memory = PostDeduplicator()
    states = [
        (post(9), 1),
        (post(9, edited=2), 2),
        (post(9, edited=1), 3),
        (post(9, deleted=True), 4),
    ]
    said = [memory.event_for(state, version, NOW) for state, version in states for _ in range(2)]
    assert said == ["update", "", "status.update", "", "status.update", "", "delete", ""]


def test_an_older_version_has_no_event() -> None:
    memory = PostDeduplicator()
    assert memory.event_for(post(9, edited=1), 2, NOW) == "update"  # nobody saw it before
    assert memory.event_for(post(9), 1, NOW) == ""


def test_invisible_changes_of_old_posts_have_no_event() -> None:
    memory = PostDeduplicator()
    assert memory.event_for(post(MAX_EVENT_AGE + 1), 2, NOW) == ""
    assert memory.event_for(post(2 * MAX_EVENT_AGE, edited=MAX_EVENT_AGE + 1), 3, NOW) == ""
    assert memory.event_for(post(1), 1, NOW) == "update"
    assert memory.event_for(post(1), 2, NOW) == ""


def test_edits_and_deletions_of_old_posts_have_events() -> None:
    assert (
        PostDeduplicator().event_for(post(2 * MAX_EVENT_AGE, edited=1), 2, NOW) == "status.update"
    )
    assert PostDeduplicator().event_for(post(2 * MAX_EVENT_AGE, deleted=True), 2, NOW) == "delete"


def test_the_number_of_remembered_posts_is_bounded() -> None:
    memory = PostDeduplicator(max_posts=2)
    for age in (3, 2, 1):
        memory.event_for(post(age), 1, NOW)
        memory.record_recipients(post(age).id, ["7"])
    assert len(memory) == 2
    assert memory.recipients(post(3).id) == ()
    assert memory.recipients(post(1).id) == ["7"]


# ── channels ────────────────────────────────────────────────────────────────────────────────────


def test_channels_are_personal_shared_or_of_a_hashtag() -> None:
    assert channel_of("user", "", "1") == ("user", "1")
    assert channel_of("public:local:media", "", "1") == ("public:local:media", "")
    assert channel_of("hashtag", "#Cats", "1") == ("hashtag", "cats")
    assert frame_names("hashtag", "Cats") == ("hashtag", "Cats")
    for unknown in ("", "list", "user:1"):
        with pytest.raises(NotFound):
            channel_of(unknown, "", "1")
    for tag in ("", " ", "a b", "12"):
        with pytest.raises(Invalid):
            channel_of("hashtag:local", tag, "1")


def test_shared_channels_have_public_posts_and_hashtagged_replies() -> None:
    public = {("public", ""), ("public:local", "")}
    assert {*shared_channels(post())} == public
    assert {*shared_channels(post(tags=["a"]))} == public | {
        ("hashtag", "a"),
        ("hashtag:local", "a"),
    }
    assert {*shared_channels(post(tags=["a"], in_reply_to_id="1"))} == {
        ("hashtag", "a"),
        ("hashtag:local", "a"),
    }
    for visibility in ("unlisted", "private", "direct"):
        assert shared_channels(post(tags=["a"], visibility=visibility)) == []


# ── connections ─────────────────────────────────────────────────────────────────────────────────


def connected() -> tuple[FakeStream, StreamConnection]:
    stream = FakeStream(socket=False)
    return stream, StreamConnection(ANNA, SseTransport(stream.send), stream.transport)  # type: ignore[arg-type]


async def test_the_queue_is_bounded_in_messages() -> None:
    stream, connection = connected()
    stream.reads.clear()
    connection.enqueue(b"in the writer's hand")
    await asyncio.sleep(0)
    for _ in range(MAX_QUEUED_MESSAGES):
        connection.enqueue(b"x")
    assert not stream.transport.aborted.is_set()
    connection.enqueue(b"one too many")
    assert stream.transport.aborted.is_set()
    assert not connection._queue


async def test_the_queue_is_bounded_in_bytes() -> None:
    stream, connection = connected()
    stream.reads.clear()
    connection.enqueue(b"in the writer's hand")
    await asyncio.sleep(0)
    connection.enqueue(b"x" * (MAX_QUEUED_BYTES + 1))
    assert not stream.transport.aborted.is_set()
    connection.enqueue(b"x")
    assert stream.transport.aborted.is_set()


async def test_nothing_is_sent_after_the_end() -> None:
    stream, connection = connected()
    connection.enqueue(b"one")
    connection.close()
    connection.close()
    connection.enqueue(b"two")
    await until(lambda: stream.sent)
    await asyncio.sleep(0)
    assert stream.sent == [{"type": "http.response.body", "body": b"", "more_body": False}]


def test_an_event_is_encoded_once() -> None:
    event = StreamEvent("delete", b"12")
    assert event.sse == b"event: delete\ndata: 12\n\n"
    assert event.frame(("user",)) == '{"stream":["user"],"event":"delete","payload":"12"}'
    assert event.frame(("user",)) is event.frame(("user",))
    assert event.frame(("hashtag", "a")) != event.frame(("user",))


# ── tokens ──────────────────────────────────────────────────────────────────────────────────────


def test_the_authorization_header_takes_precedence() -> None:
    def token(**scope: object) -> bytes:
        whole = {"headers": [], "query_string": b"", **scope}
        found: dict[bytes, bytes] = dict(with_authorization(whole)["headers"])
        return found.get(b"authorization", b"")

    assert token() == b""
    assert token(query_string=b"stream=user&access_token=a.b") == b"Bearer a.b"
    assert token(subprotocols=["a.b", "c"]) == b"Bearer a.b"
    assert token(query_string=b"access_token=a", subprotocols=["b"]) == b"Bearer a"
    header = [(b"authorization", b"Bearer h")]
    assert token(headers=header, query_string=b"access_token=a") == b"Bearer h"
    assert token(query_string=b"access_token=a%0d%0ax:y") == b""
