"""A connection and a real server that answers in pieces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from bench.http_connection import ResponseStats
from bench.requests import PreparedRequest, RequestBuilder, is_empty_object, is_post
from bench.worker import measure


@asynccontextmanager
async def server(*answers: bytes) -> AsyncIterator[str]:
    """Give one answer after the other to every connection, then hang up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            for answer in answers:
                await reader.readuntil(b"\r\n\r\n")
                for start in range(0, len(answer), 7):
                    writer.write(answer[start : start + 7])
                    await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


def http(body: bytes, status: str = "200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\ncontent-length: %d\r\n\r\n%b" % (status.encode(), len(body), body)


async def test_every_response_counts_and_a_lost_connection_is_an_error() -> None:
    async with server(http(b"{}"), http(b"{}"), http(b"[]")) as url:
        floor = RequestBuilder(url).get("/ping", is_empty_object)
        cell = await measure(url, lambda: floor, 2, 5.0)
    assert len(cell["took"]) == 4
    assert cell["errors"] == 4
    assert any(sample.startswith("200 []") for sample in cell["samples"])
    assert any("the connection was closed" in sample for sample in cell["samples"])


async def test_a_connection_ends_at_its_end_time() -> None:
    async with server(*[http(b"{}")] * 100_000) as url:
        floor = RequestBuilder(url).get("/ping", is_empty_object)
        cell = await measure(url, lambda: floor, 1, 0.05)
    assert cell["samples"] == []
    assert cell["took"]
    assert cell["seconds"] < 2


async def test_posts_are_recorded_with_their_author() -> None:
    post = http(b'{"id":"42","spoiler_text":""}')
    async with server(post) as url:
        request = PreparedRequest(RequestBuilder(url).get("/", is_post).payload, is_post, author=3)
        cell = await measure(url, lambda: request, 1, 0.0)
    assert cell["posted"] == [(3, "42")]


async def test_a_request_with_two_steps_counts_once() -> None:
    async with server(http(b'{"id":"1"}'), http(b"{}")) as url:
        builder = RequestBuilder(url)
        second = builder.get("/ping", is_empty_object)
        first = PreparedRequest(
            builder.get("/", is_post).payload, lambda *_: "", follow_up=lambda _: second
        )
        cell = await measure(url, lambda: first, 1, 0.0)
    assert len(cell["took"]) == 1


def test_only_some_error_messages_are_kept() -> None:
    stats = ResponseStats()
    for number in range(100):
        stats.add_error(str(number))
    assert (stats.errors, len(stats.samples)) == (100, 20)
