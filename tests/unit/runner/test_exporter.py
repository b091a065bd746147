"""The metrics of the runner."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tools.runner.config.paths import RunDir
from tools.runner.http_client import request
from tools.runner.infra.ports import free_ports
from tools.runner.supervisor.exporter import RunnerExporter
from tools.runner.supervisor.process import ManagedProcess, ProcessSpec

TOKEN = {"Authorization": "Bearer secret"}


def process(run: RunDir, name: str, state: str, restarts: int) -> ManagedProcess:
    async def probe() -> bool:
        return True

    spec = ProcessSpec(name, (sys.executable,), run.path, {}, probe)
    managed = ManagedProcess(spec, run.logs)
    managed.state, managed.restarts = cast(Any, state), restarts
    return managed


class FakeSystem:
    def __init__(self, run: RunDir) -> None:
        self.plan = SimpleNamespace(run=run)
        self.servers = self
        self.replicas = SimpleNamespace(counts=lambda: {"feed": 1})

    def processes(self) -> Iterator[tuple[str, str, ManagedProcess]]:
        run = self.plan.run
        yield "service", "posts", process(run, "posts.2", "ready", 0)
        yield "server", "", process(run, "nats", "backoff", 4)

    async def pending_messages(self) -> list[tuple[str, str, int]]:
        return [("feed", "posts", 12), ("stopped", "posts", 1)]


@pytest.fixture
async def port(run: RunDir) -> AsyncIterator[int]:
    port = next(free_ports())
    exporter = RunnerExporter(cast(Any, FakeSystem(run)), "secret")
    await exporter.start(port)
    yield port
    await exporter.stop()


async def test_it_tells_states_restarts_the_disk_and_what_the_broker_holds(port: int) -> None:
    status, body = await request(port, "/metrics", headers=TOKEN, seconds=60)
    assert status == 200
    lines = body.decode().splitlines()
    assert 'microgram_process_ready{kind="service",process="posts.2",service="posts"} 1.0' in lines
    assert 'microgram_process_ready{kind="server",process="nats",service=""} 0.0' in lines
    assert 'microgram_process_restarts_total{kind="server",process="nats",service=""} 4.0' in lines
    pending = [line for line in lines if line.startswith("microgram_broker_pending{")]
    assert pending == ['microgram_broker_pending{service="feed",topic="posts"} 12.0']
    disk = {line.split()[0]: float(line.split()[1]) for line in lines if "disk_" in line[:20]}
    assert 0 < disk["microgram_disk_free_bytes"] < disk["microgram_disk_size_bytes"]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer other"}])
async def test_it_tells_nobody_without_the_token(port: int, headers: dict[str, str]) -> None:
    status, body = await request(port, "/metrics", headers=headers, seconds=60)
    assert status == 401
    assert b"microgram" not in body


async def test_there_is_nothing_else(port: int) -> None:
    assert (await request(port, "/", headers=TOKEN, seconds=60))[0] == 404
    assert (await request(port, "/metrics", "POST", headers=TOKEN, seconds=60))[0] == 404


async def test_a_request_without_end_is_cut_off(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 100_000)
    async with asyncio.timeout(60):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    writer.close()
