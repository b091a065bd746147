"""The cost of idle streams, and the latency of a post to all: `python -m bench.streaming`."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from bench.api_client import BenchClient, BenchPerson, UnexpectedResponse
from bench.stats import Latency
from bench.system import BenchSystem, SystemOptions, SystemUnavailable

_TIMEOUT = 60.0
_CONCURRENCY = 50
"""Streams that are opened concurrently."""

_UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@dataclass
class PostArrivals:
    """The times at which a post with a given word reached each stream."""

    word: bytes = b"\0"
    wanted: int = 0
    at: list[float] = field(default_factory=list)
    all: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self) -> None:
        """Record the arrival at one more stream."""
        self.at.append(time.perf_counter())
        if len(self.at) == self.wanted:
            self.all.set()


class IdleStream(asyncio.Protocol):
    """One open stream. It searches its input for the word, and discards it."""

    def __init__(self, head: bytes, arrivals: PostArrivals) -> None:
        self._head = head
        self._arrivals = arrivals
        self._before = b""
        self.opened: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        if isinstance(transport, asyncio.WriteTransport):
            transport.write(self._head)

    def data_received(self, data: bytes) -> None:
        if not self.is_open:
            self.is_open = data[9:12] in (b"200", b"101")
            self.opened.set_result(self.is_open)
        both = self._before + data
        if self._arrivals.word in both:
            self._arrivals.note()
            both = b""
        self._before = both[-32:]

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if not self.opened.done():
            self.opened.set_result(False)


@dataclass(frozen=True)
class StreamingResults:
    """The results; latencies from the start of sending the post, in milliseconds."""

    kind: str
    connections: int
    kib_each: float
    first: Latency
    all: Latency
    each: Latency

    def __str__(self) -> str:
        return (
            f"{self.kind:<10} {self.connections:>6,} open, {self.kib_each:5.1f} KiB each; "
            f"a post is with the first after {self.first.p50:.0f} ms "
            f"(worst {self.first.worst:.0f}), with any after {self.each.p50:.0f} "
            f"(p99 {self.each.p99:.0f}), with all after {self.all.p50:.0f} "
            f"(worst {self.all.worst:.0f})"
        )


def main(arguments: Sequence[str]) -> int:
    """Measure and print the results; return 2 if that was not possible."""
    parser = argparse.ArgumentParser(prog="python -m bench.streaming", description=__doc__)
    parser.add_argument("--connections", type=int, default=1_000, metavar="N")
    parser.add_argument("--people", type=int, default=50, metavar="N", help="whose they are")
    parser.add_argument("--posts", type=int, default=20, metavar="N")
    parser.add_argument("--kinds", default="SSE,WebSocket", metavar="K,L", help="one after another")
    parser.add_argument("--components", default="", metavar="NAME")
    parser.add_argument("--running", type=Path, metavar="DIR", help="a system that runs already")
    try:
        asyncio.run(_go(parser.parse_args(arguments)))
    except (
        SystemUnavailable,
        UnexpectedResponse,
        RuntimeError,
        OSError,
    ) as error:  # OSError: TimeoutError, too
        print(repr(error), file=sys.stderr)
        return 2
    return 0


async def _go(options: argparse.Namespace) -> None:
    wanted = SystemOptions(run_dir=options.running, components=options.components)
    async with BenchSystem(wanted) as system, BenchClient(system.url) as client:
        people = await _people(client, options.people)
        print(f"{system.components}: {options.posts} posts to {options.people} followers")
        for kind in options.kinds.split(","):
            print(await _measure(system, client, people, kind, options.connections, options.posts))


async def _people(client: BenchClient, count: int) -> list[BenchPerson]:
    """Return an author and followers, once the followers' home timelines show a post."""
    app = await client.app_token()
    word = secrets.token_hex(3)
    people = [await client.register(f"s{word}_{number}", app) for number in range(count + 1)]
    for follower in people[1:]:
        await client.follow(follower, people[0])
    post = await client.post(people[0], "the first")
    async with asyncio.timeout(_TIMEOUT):
        for follower in people[1:]:
            while post not in await client.home(follower, 5):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    return people


async def _measure(
    system: BenchSystem,
    client: BenchClient,
    people: list[BenchPerson],
    kind: str,
    connections: int,
    posts: int,
) -> StreamingResults:
    gateway = next(row for row in system.report["services"] if row["service"] == "gateway")
    process = psutil.Process(gateway["pid"])
    arrivals = PostArrivals()
    before = process.memory_info().rss
    streams = await _open(system.url, people[1:], kind, connections, arrivals)
    try:
        await asyncio.sleep(2)  # at rest
        used = process.memory_info().rss - before
        first, last, each = [], [], []
        for _ in range(posts):
            took = await _post(client, people[0], arrivals, connections)
            first.append(took[0])
            last.append(took[-1])
            each += took
        lost = sum(not stream.is_open for stream in streams)
        if lost:
            raise RuntimeError(f"{lost} of {connections} streams have ended.")
    finally:
        for stream in streams:
            stream.transport.close()
    latencies = Latency.of(first), Latency.of(last), Latency.of(each)
    return StreamingResults(kind, connections, used / 1024 / connections, *latencies)


async def _open(
    url: str, people: list[BenchPerson], kind: str, count: int, arrivals: PostArrivals
) -> list[IdleStream]:
    address = urlsplit(url)
    host, port = address.hostname or "", address.port or 80
    loop = asyncio.get_running_loop()
    streams: list[IdleStream] = []
    for start in range(0, count, _CONCURRENCY):
        opening = []
        for number in range(start, min(start + _CONCURRENCY, count)):
            head = _head(kind, people[number % len(people)], address.netloc)
            make = partial(IdleStream, head, arrivals)
            _, stream = await loop.create_connection(make, host, port)
            opening.append(stream)
        if not all(await asyncio.gather(*(stream.opened for stream in opening))):
            raise RuntimeError("A stream was refused: are the limits lifted?")
        streams += opening
    return streams


def _head(kind: str, person: BenchPerson, authority: str) -> bytes:
    path, more = "/user", ""
    if kind == "WebSocket":
        path, more = "?stream=user", _UPGRADE
    return (
        f"GET /api/v1/streaming{path} HTTP/1.1\r\nHost: {authority}\r\n"
        f"Authorization: Bearer {person.token}\r\n{more}\r\n"
    ).encode()


async def _post(
    client: BenchClient, author: BenchPerson, arrivals: PostArrivals, count: int
) -> list[float]:
    """Return the milliseconds from sending a post to its arrival at each stream, sorted."""
    word = secrets.token_hex(8)
    arrivals.word, arrivals.wanted, arrivals.at = word.encode(), count, []
    arrivals.all.clear()
    began = time.perf_counter()
    await client.post(author, word)
    try:
        await asyncio.wait_for(arrivals.all.wait(), _TIMEOUT)
    except TimeoutError as error:
        raise RuntimeError(f"A post reached {len(arrivals.at)} of {count}.") from error
    await asyncio.sleep(0.5)  # let the system digest it
    return sorted((at - began) * 1000 for at in arrivals.at)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
