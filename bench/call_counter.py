"""Runs a service and counts its sidecar calls: `python -m bench.call_counter services.feed`.

The sidecars' own metrics are off, because they cost more than this counter (half a microsecond per
call). The counts are numbers in a file, which the benchmark reads while the service runs. Counted
are HTTP calls to the sidecar, by building block, and the messages that it delivers. The gRPC calls
of workflows are not.
"""

from __future__ import annotations

import mmap
import os
import runpy
import struct
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import aiohttp
from starlette.types import ASGIApp, Receive, Scope, Send
from yarl import URL

from services.chassis.service import Service

FOLDER = "MICROGRAM_BENCH_COUNTS"
DELIVERIES = "deliveries"
BLOCKS = ("state", "publish", "invoke", DELIVERIES, "bindings", "secrets", "other")
_NUMBERS = struct.Struct(f"<{len(BLOCKS)}Q")
_EVENTS = "/events"
_API = "/v1.0/"


def install_counter(folder: Path, name: str) -> None:
    """Count every later request of aiohttp to a sidecar's API, and every delivery from one."""
    file = os.open(folder / f"{name}.{os.getpid()}", os.O_RDWR | os.O_CREAT, 0o600)
    os.ftruncate(file, _NUMBERS.size)
    shared = mmap.mmap(file, _NUMBERS.size)
    os.close(file)
    numbers = dict.fromkeys(BLOCKS, 0)
    send, run = aiohttp.ClientSession._request, Service.run

    def count(block: str) -> None:
        numbers[block] += 1
        _NUMBERS.pack_into(shared, 0, *numbers.values())

    def counted_request(
        self: aiohttp.ClientSession, method: str, url: str | URL, **options: Any
    ) -> Coroutine[Any, Any, aiohttp.ClientResponse]:
        count(block_of(str(url)))
        return send(self, method, url, **options)

    def run_counted(self: Service, app: Any) -> None:
        run(self, count_deliveries(app, count))

    # mypy forbids the plain way
    setattr(aiohttp.ClientSession, "_request", counted_request)  # noqa: B010
    setattr(Service, "run", run_counted)  # noqa: B010


def count_deliveries(app: ASGIApp, count: Callable[[str], None]) -> Any:
    """Return an ASGI application that counts the messages which a sidecar delivers to another."""

    async def counted(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(_EVENTS):
            count(DELIVERIES)
        await app(scope, receive, send)

    return counted


def block_of(url: str) -> str:
    """Return the building block of a sidecar call."""
    _, found, rest = url.partition(_API)
    block = rest.partition("/")[0] if found else ""
    return block if block in BLOCKS else "other"


def read_counts(folder: Path) -> dict[str, int]:
    """Return all calls of all services so far, by building block."""
    totals = dict.fromkeys(BLOCKS, 0)
    for path in folder.iterdir() if folder.is_dir() else ():
        raw = path.read_bytes()
        if len(raw) == _NUMBERS.size:
            for block, number in zip(BLOCKS, _NUMBERS.unpack(raw), strict=True):
                totals[block] += number
    return totals


if __name__ == "__main__":
    module = sys.argv[1]
    install_counter(Path(os.environ[FOLDER]), module.rpartition(".")[2])
    sys.argv = sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
