"""A run directory with a runner and services that answer, all in this process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.unit.dashboard.conftest import write_log
from tools.runner.config.paths import RunDir, write_private

METRICS_TOKEN = "metrics-token-of-this-run"
SECRET = "generated-password-of-the-broker"

COMPONENT = """
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: NAME}
spec: {type: TYPE, version: v1, metadata: []}
"""


@dataclass
class SyntheticSystem:
    """What its servers answer, and the orders that the runner got."""

    run: RunDir
    answers: dict[tuple[str, str], Any] = field(default_factory=dict)
    """JSON or text by method and path."""
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    orders: list[dict[str, Any]] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)
    refuses: str = ""

    async def _answer_http(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.split("\r\n")
        method, path, _ = first.split(" ")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        self.asked.append((f"{method} {path}", headers))
        answer = self.answers.get((method, path))
        body = answer if isinstance(answer, str) else json.dumps(answer)
        status = "404 Not Found" if answer is None else "200 OK"
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        writer.close()

    async def _answer_order(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        order = json.loads(await reader.readline())
        self.orders.append(order)
        reply = {"error": self.refuses} if self.refuses else self.report
        writer.write(json.dumps(reply).encode() + b"\n")
        writer.close()


@asynccontextmanager
async def fake_system(run: RunDir) -> AsyncIterator[SyntheticSystem]:
    """One service `posts` with its sidecar; both are one server, as their paths differ."""
    system = SyntheticSystem(run)
    http = await asyncio.start_server(system._answer_http, "127.0.0.1", 0)
    control = await asyncio.start_unix_server(system._answer_order, run.path / "control.sock")
    port = http.sockets[0].getsockname()[1]
    service = {
        "service": "posts",
        "app_id": "posts",
        "replicas": 1,
        "address": f"http://127.0.0.1:{port}",
        "app_port": port,
        "sidecar_port": port,
        "sidecar_grpc_port": 2,
        "pid": 11,
        "sidecar_pid": 12,
        "state": "starting",
        "app_state": "ready",
        "sidecar_state": "starting",
        "reason": "",
        "sidecar_reason": "waits for nats",
        "sidecar_last_lines": ["no servers available"],
        "restarts": 0,
        "sidecar_restarts": 3,
        "cpu_percent": 2.5,
        "memory_bytes": 70_000_000,
    }
    nats = {"service": "nats", "address": "127.0.0.1:9", "pid": 13, "state": "ready", "restarts": 0}
    system.report = {"components": "embedded", "gateway": None, "services": [service]}
    system.report["infra"] = [nats]
    tokens = {"posts": {"sidecar": "token-of-the-sidecar", "app": "token-of-the-application"}}
    state = {**system.report, "tokens": tokens, "control": str(run.path / "control.sock")}
    write_private(run.state, json.dumps(state))
    write_private(run.operator_token, "token-of-the-operator\n")
    write_private(run.metrics_token, METRICS_TOKEN)
    url = f"nats://posts:{SECRET}@127.0.0.1:4222"
    write_private(run.secrets, json.dumps({"nats-url-posts": url}))
    _write_components(run)
    async with http, control:
        yield system


def _write_components(run: RunDir) -> None:
    folder = run.components / "posts"
    folder.mkdir(parents=True)
    for name, type in (("pubsub", "pubsub.jetstream"), ("statestore", "state.sqlite")):
        text = COMPONENT.replace("NAME", name).replace("TYPE", type)
        (folder / f"component-{name}.yaml").write_text(text)
    lines = [
        ("info", "starting Dapr 1.18.2"),
        ("info", "Component loaded: pubsub (pubsub.jetstream/v1)"),
        ("info", "Component loaded: statestore (state.sqlite/v1)"),
        ("info", "starting Dapr 1.18.2"),
        ("info", "Component loaded: pubsub (pubsub.jetstream/v1)"),
        ("error", "initialization error occurred for statestore (state.sqlite/v1): disk is full"),
    ]
    times = (f"2026-11-29T12:00:0{second}Z" for second in range(len(lines)))
    rows = (
        {"time": time, "level": level, "msg": text, "type": "log", "scope": "dapr.runtime"}
        for time, (level, text) in zip(times, lines, strict=True)
    )
    write_log(run, "posts.daprd.log", *(f"{json.dumps(row)}\n" for row in rows))
