"""The few words of HTTP, NATS and AMQP that the runner speaks, against servers of a few lines."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tools.runner.errors import RunnerError
from tools.runner.http_client import (
    call_service,
    http_probe,
    request,
    sidecar_probe,
    tcp_probe,
)
from tools.runner.infra.amqp_client import accepts, queue_lengths
from tools.runner.infra.jetstream import stream_config
from tools.runner.infra.nats_client import NatsClient

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(talk: Talk) -> AsyncIterator[int]:
    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        finally:
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def answering(text: str) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(text.encode())

    return talk


@pytest.mark.parametrize(
    "text",
    [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    ],
)
async def test_a_response_is_read_with_and_without_chunks(text: str) -> None:
    async with serving(answering(text)) as port:
        assert await request(port, "/x") == (200, b"hello")


async def test_a_service_that_is_not_ready_is_reported_with_advice() -> None:
    async with serving(answering("HTTP/1.1 500 No\r\n\r\naway")) as port:
        with pytest.raises(RunnerError, match=r"^posts answers 500: away \(`ps` shows"):
            await call_service("posts", port, "/x")
    with pytest.raises(RunnerError, match=r"^posts does not answer: .*\(`ps` shows"):
        await call_service("posts", port, "/x")
    async with serving(answering("HTTP/1.1 404 None\r\n\r\nno")) as port:
        assert await call_service("posts", port, "/x", accepted=404) == (404, b"no")
        with pytest.raises(RunnerError, match=r"^posts answers 404: no$"):
            await call_service("posts", port, "/x")


@pytest.mark.parametrize(("status", "content"), [("200 OK", True), ("503 Not yet", False)])
async def test_a_probe_succeeds_only_on_success(status: str, content: bool) -> None:
    async with serving(answering(f"HTTP/1.1 {status}\r\n\r\n")) as port:
        assert await http_probe(port, "/readyz")() is content
        assert await tcp_probe(port)() is True


@pytest.mark.parametrize(
    ("status", "missing", "content"),
    [
        ("204 No Content", "", True),
        ("500 Not yet", "runtime internal-placement-service", False),
        ("500 Not yet", "scheduler-watch-hosts internal-placement-service", True),
        ("500 Not yet", "", False),
    ],
)
async def test_a_sidecar_is_ready_without_placement_and_scheduler(
    status: str, missing: str, content: bool
) -> None:
    said = f'{{"errorCode":"ERR_HEALTH_NOT_READY","message":"dapr is not ready: [{missing}]"}}'
    async with serving(answering(f"HTTP/1.1 {status}\r\n\r\n{said}")) as port:
        assert await sidecar_probe(port)() is content


async def test_a_probe_without_a_listener_fails() -> None:
    async with serving(answering("")) as port:
        pass
    assert await http_probe(port, "/readyz")() is False
    assert await tcp_probe(port)() is False


async def test_a_probe_of_another_protocol_fails() -> None:
    async with serving(answering("SSH-2.0\r\n")) as port:
        assert await http_probe(port, "/readyz")() is False


async def nats_talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Let `secret` in, and answer every request with its own subject and payload."""
    writer.write(b"INFO {}\r\n")
    options = json.loads((await reader.readline()).split(b" ", 1)[1])
    await reader.readline()
    if options["pass"] != "secret":
        writer.write(b"-ERR 'Authorization Violation'\r\n")
        return
    writer.write(b"PONG\r\nPING\r\n")
    while line := await reader.readline():
        words = line.decode().split()
        if words[0] == "PUB":
            payload = (await reader.readexactly(int(words[-1]) + 2))[:-2]
            answer = json.dumps({"subject": words[1], "got": json.loads(payload)}).encode()
            writer.write(f"MSG {words[2]} 1 {len(answer)}\r\n".encode() + answer + b"\r\n")


async def test_a_request_is_matched_with_its_answer() -> None:
    async with serving(nats_talk) as port:
        client = await NatsClient.connect(port, "user", "secret")
        reading = asyncio.create_task(client.run())
        answers = await asyncio.gather(*(client.request("api.x", {"n": n}) for n in range(5)))
        assert [answer["got"]["n"] for answer in answers] == list(range(5))
        await client.close()
        await asyncio.gather(reading, return_exceptions=True)


async def test_a_wrong_password_is_refused() -> None:
    async with serving(nats_talk) as port:
        with pytest.raises(ConnectionError, match="Authorization"):
            await NatsClient.connect(port, "user", "wrong")


def frame(channel: int, method: tuple[int, int], arguments: bytes = b"") -> bytes:
    body = struct.pack(">HH", *method) + arguments
    return struct.pack(">BHI", 1, channel, len(body)) + body + b"\xce"


async def amqp_talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Let `secret` in; `feed-posts` holds 70,000 messages, and there is no other queue."""
    answers = {
        (10, 40): frame(0, (10, 41), b"\0"),
        (20, 10): frame(1, (20, 11), bytes(4)),
        (10, 50): frame(0, (10, 51)),
    }
    await reader.readexactly(8)
    writer.write(frame(0, (10, 10), bytes(20)))
    while True:
        _, _, size = struct.unpack(">BHI", await reader.readexactly(7))
        body = await reader.readexactly(size + 1)
        method, arguments = struct.unpack_from(">HH", body), body[4:]
        if method == (10, 11):
            if b"\0secret" not in arguments:
                return
            writer.write(frame(0, (10, 30), struct.pack(">HIH", 2047, 131_072, 60)))
        elif method == (50, 10):
            is_there = arguments[2:].startswith(b"\x0afeed-posts\x01")
            found = b"\x0afeed-posts" + struct.pack(">II", 70_000, 0)
            missing = struct.pack(">H", 404) + b"\x02no" + bytes(4)
            writer.write(frame(1, (50, 11), found) if is_there else frame(1, (20, 40), missing))
        elif method in answers:
            writer.write(answers[method])
            if method == (10, 50):
                return


async def test_the_length_of_a_queue_is_asked_for_and_a_missing_one_left_out() -> None:
    names = ["feed-gone", "feed-posts", "feed-lost"]
    async with serving(amqp_talk) as port:
        url = f"amqp://user:secret@localhost:{port}/"
        assert await asyncio.to_thread(accepts, url)
        assert await asyncio.to_thread(queue_lengths, url, names) == {"feed-posts": 70_000}


async def test_a_broker_that_refuses_the_login_is_an_error() -> None:
    async with serving(amqp_talk) as port:
        url = f"amqp://user:wrong@localhost:{port}/"
        assert not await asyncio.to_thread(accepts, url)
        with pytest.raises(OSError, match="AMQP"):
            await asyncio.to_thread(queue_lengths, url, ["feed-posts"])


def test_a_stream_holds_one_topic_on_disk_within_bounds() -> None:
    config = stream_config("posts.made")
    assert config["name"] == "posts_made"
    assert config["subjects"] == ["posts.made"]
    assert config["storage"] == "file"
    assert config["max_bytes"] > 0
    assert config["max_age"] > 0
