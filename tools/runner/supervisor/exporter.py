"""The metrics of the runner: states and restarts of processes, the disk, and what the broker holds.

A service that does not run cannot say so. The runner can.
"""

import asyncio
import contextlib
import hmac
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tools.runner.supervisor.process import ManagedProcess

if TYPE_CHECKING:
    from prometheus_client import Metric

    from tools.runner.supervisor.supervisor import Supervisor

_MAX_REQUEST_BYTES = 8_192
_TIMEOUT = 10.0
"""Seconds of one scrape."""

Pending = Iterable[tuple[str, str, int]]
"""Service, topic, and how many messages the broker holds for it."""


class RunnerExporter:
    """Answers `GET /metrics` on a port of the loopback address, to who has the token."""

    def __init__(self, system: "Supervisor", token: str) -> None:
        self._system = system
        self._expected = f"Bearer {token}".encode()
        self._server: asyncio.Server | None = None

    async def start(self, port: int) -> None:
        """Listen."""
        self._server = await asyncio.start_server(
            self._answer, "127.0.0.1", port, limit=_MAX_REQUEST_BYTES
        )

    async def stop(self) -> None:
        """Stop listening."""
        if self._server:
            self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(
            OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
        ):
            async with asyncio.timeout(_TIMEOUT):
                head = await reader.readuntil(b"\r\n\r\n")
                status, body = await self._response(head)
                fixed = "Content-Type: text/plain; version=0.0.4\r\nConnection: close"
                start = f"HTTP/1.1 {status}\r\n{fixed}\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(start.encode() + body)
                await writer.drain()
        writer.close()

    async def _response(self, head: bytes) -> tuple[str, bytes]:
        first, *fields = head.split(b"\r\n")
        headers = {name.lower(): value.strip() for name, _, value in _split(fields)}
        if not hmac.compare_digest(headers.get(b"authorization", b""), self._expected):
            return "401 Unauthorized", b"the token is missing or wrong\n"
        if first.split(b" ")[:2] != [b"GET", b"/metrics"]:
            return "404 Not Found", b"there is only GET /metrics\n"
        return "200 OK", await self._metrics()

    async def _metrics(self) -> bytes:
        system = self._system
        running = system.replicas.counts()
        pending = [each for each in await system.servers.pending_messages() if each[0] in running]
        return render(system.processes(), system.plan.run.path, pending)


def _split(fields: Iterable[bytes]) -> list[tuple[bytes, bytes, bytes]]:
    return [field.partition(b":") for field in fields]


Processes = Iterable[tuple[str, str, ManagedProcess]]
"""Kind (service, sidecar or server), service or empty, and process."""


def render(processes: Processes, folder: Path, pending: Pending) -> bytes:
    """Return the metrics in the text format of Prometheus."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.registry import Collector

    families = [*_process_families(processes), *_disk_families(folder), _pending_family(pending)]

    class Families(Collector):
        def collect(self) -> "Iterable[Metric]":
            return families

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Families())
    return generate_latest(registry)


def _process_families(processes: Processes) -> "list[Metric]":
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

    labels = ["kind", "service", "process"]
    ready = GaugeMetricFamily("microgram_process_ready", "1 if it is ready, else 0", labels=labels)
    restarts = CounterMetricFamily(
        "microgram_process_restarts", "Restarts since the start of the runner", labels=labels
    )
    for kind, service, process in processes:
        values = [kind, service, process.spec.name]
        ready.add_metric(values, float(process.state == "ready"))
        restarts.add_metric(values, process.restarts)
    return [ready, restarts]


def _disk_families(folder: Path) -> "list[Metric]":
    from prometheus_client.metrics_core import GaugeMetricFamily

    usage = shutil.disk_usage(folder)
    what = "of the file system with the run directory"
    return [
        GaugeMetricFamily("microgram_disk_free_bytes", f"Free bytes {what}", usage.free),
        GaugeMetricFamily("microgram_disk_size_bytes", f"Bytes {what}", usage.total),
    ]


def _pending_family(pending: Pending) -> "Metric":
    from prometheus_client.metrics_core import GaugeMetricFamily

    text = "Messages that the broker holds for a service"
    family = GaugeMetricFamily("microgram_broker_pending", text, labels=["service", "topic"])
    for service, topic, count in pending:
        family.add_metric([service, topic], count)
    return family
