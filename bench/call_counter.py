"""Runs a service and counts its sidecar calls: `python -m bench.call_counter services.feed`.

The sidecars' own metrics are off, because they cost more than this counter (half a microsecond per
call). The counts are numbers in a file, which the benchmark reads while the service runs.
"""

from __future__ import annotations

import mmap
import os
import runpy
import struct
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

FOLDER = "MICROGRAM_BENCH_COUNTS"
BLOCKS = ("state", "invoke", "publish", "bindings", "secrets", "other")
_NUMBERS = struct.Struct(f"<{len(BLOCKS)}Q")
_API = "/v1.0/"


def install_counter(folder: Path, name: str) -> None:
    """Count every later request of aiohttp to a sidecar's API, by building block."""
    file = os.open(folder / f"{name}.{os.getpid()}", os.O_RDWR | os.O_CREAT, 0o600)
    os.ftruncate(file, _NUMBERS.size)
    shared = mmap.mmap(file, _NUMBERS.size)
    os.close(file)
    numbers = dict.fromkeys(BLOCKS, 0)
    send = aiohttp.ClientSession._request

    def counted(
        self: aiohttp.ClientSession, method: str, url: str | URL, **options: Any
    ) -> Coroutine[Any, Any, aiohttp.ClientResponse]:
        numbers[block_of(str(url))] += 1
        _NUMBERS.pack_into(shared, 0, *numbers.values())
        return send(self, method, url, **options)

    setattr(aiohttp.ClientSession, "_request", counted)  # noqa: B010 (mypy forbids the plain way)


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
