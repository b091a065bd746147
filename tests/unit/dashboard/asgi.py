"""Requests to an application without a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import orjson
from starlette.applications import Starlette

from tests.unit.dashboard.conftest import PORT, TOKEN

HOST = f"127.0.0.1:{PORT}"
OWNER = {"authorization": f"Bearer {TOKEN}"}


@dataclass
class DashboardAnswer:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        return orjson.loads(self.body)


@asynccontextmanager
async def running(app: Starlette) -> AsyncIterator[Starlette]:
    async with app.router.lifespan_context(app):
        yield app


async def send(
    app: Starlette,
    method: str,
    target: str,
    headers: Mapping[str, str] = OWNER,
    body: bytes = b"",
    max_chunks: int | None = None,
) -> DashboardAnswer:
    """One request; an endless answer is left after some chunks."""
    path, _, query = target.partition("?")
    given = {"host": HOST, **headers}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", PORT),
        "state": {},
    }
    answer, chunks, sent = DashboardAnswer(), 0, False
    ended = asyncio.Event()

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if not sent:
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}
        await ended.wait()
        return {"type": "http.disconnect"}

    async def receive_answer(message: Any) -> None:
        nonlocal chunks
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        else:
            answer.body += message.get("body", b"")
            chunks += 1
            if chunks == max_chunks:
                ended.set()
                raise OSError("the client has gone")

    try:
        async with asyncio.timeout(60):
            await app(scope, receive, receive_answer)
    except OSError:
        pass
    except Exception as error:
        if max_chunks is None or chunks < max_chunks:
            raise
        del error
    return answer
