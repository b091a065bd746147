"""What runs: services, sidecars and servers, as the runner reports them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.dashboard.sources import Sources
from tools.runner.errors import RunnerError


@dataclass(frozen=True)
class Resource:
    """One process that the runner supervises."""

    name: str
    """`posts`, `posts.2`, `posts.daprd`, `nats`."""
    kind: str
    """`service`, `sidecar` or `server`."""
    app_id: str
    """The service that it belongs to; its own name for a server."""
    state: str
    """`starting`, `ready`, `backoff`, `stopped`, `failed`, `external`; `unknown` without runner."""
    reason: str = ""
    """Why it is not ready."""
    last_lines: tuple[str, ...] = ()
    """The end of its log, where it is not ready."""
    restarts: int = 0
    pid: int | None = None
    address: str = ""
    ports: Mapping[str, int] = field(default_factory=dict)
    cpu: float | None = None
    """Cores that it used since the last report."""
    memory: int | None = None
    """Bytes; those that n processes share count 1/n for each."""


@dataclass(frozen=True)
class SystemReport:
    """The whole system; `is_running` tells whether the runner answers."""

    run_dir: str
    is_running: bool
    components: str
    gateway: str
    resources: tuple[Resource, ...]
    replicas: Mapping[str, int]
    """How many replicas each service has."""


ORDERS = frozenset({"restart", "stop", "start", "scale", "restart-rolling"})


async def change_resource(sources: Sources, name: str, order: str, count: int = 1) -> SystemReport:
    """Give the runner an order about a process or a service; return what runs after it.

    `count` is for `scale`. Raises RunnerError for an unknown name or order, for an export, if no
    runner answers, and if the order takes longer than ORDER_TIMEOUT.
    """
    sources.require_running()
    if order not in ORDERS:
        raise RunnerError(f'"{order}" is not an order (known: {", ".join(sorted(ORDERS))})')
    try:
        await sources.runner.order({"verb": order, "name": name, "count": count})
    except TimeoutError:
        raise RunnerError("this takes long, and goes on: see the states") from None
    except (OSError, ValueError):
        raise RunnerError("no runner answers: the system is not running") from None
    return await list_resources(sources)


async def list_resources(sources: Sources) -> SystemReport:
    """Return all processes, services first. One question to the runner."""
    if sources.snapshot is not None:
        return _from_snapshot(sources.snapshot["resources"])
    report = await sources.runner.report()
    found = report or sources.state()
    resources = tuple(_resources(found, is_running=report is not None))
    services = [each for each in resources if each.kind == "service"]
    return SystemReport(
        str(sources.run.path),
        report is not None,
        found.get("components") or "",
        found.get("gateway") or "",
        resources,
        {
            app_id: sum(1 for each in services if each.app_id == app_id)
            for app_id in dict.fromkeys(each.app_id for each in services)
        },
    )


def _from_snapshot(found: Mapping[str, Any]) -> SystemReport:
    rows = (Resource(**row) for row in found["resources"])
    return SystemReport(**{**found, "is_running": False, "resources": tuple(rows)})


def _resources(report: Mapping[str, Any], *, is_running: bool) -> Iterator[Resource]:
    for row in report.get("services", ()):
        yield _service(row, is_running)
    for row in report.get("services", ()):
        yield _sidecar(row, is_running)
    for row in report.get("infra", ()):
        yield Resource(
            row["service"],
            "server",
            row["service"],
            _state(row.get("state"), is_running),
            row.get("reason") or "",
            tuple(row.get("last_lines") or ()),
            row.get("restarts") or 0,
            row.get("pid"),
            row.get("address") or "",
            cpu=_cores(row.get("cpu_percent")),
            memory=row.get("memory_bytes"),
        )


def _service(row: Mapping[str, Any], is_running: bool) -> Resource:
    return Resource(
        row["service"],
        "service",
        row["app_id"],
        _state(row.get("app_state") or row["state"], is_running),
        row.get("reason") or "",
        tuple(row.get("last_lines") or ()),
        row["restarts"],
        row.get("pid"),
        row["address"],
        {"app": row["app_port"]},
        _cores(row.get("cpu_percent")),
        row.get("memory_bytes"),
    )


def _sidecar(row: Mapping[str, Any], is_running: bool) -> Resource:
    return Resource(
        f"{row['service']}.daprd",
        "sidecar",
        row["app_id"],
        _state(row.get("sidecar_state") or row["state"], is_running),
        row.get("sidecar_reason") or "",
        tuple(row.get("sidecar_last_lines") or ()),
        row["sidecar_restarts"],
        row.get("sidecar_pid"),
        f"http://127.0.0.1:{row['sidecar_port']}",
        {"http": row["sidecar_port"], "grpc": row["sidecar_grpc_port"]},
        _cores(row.get("sidecar_cpu_percent")),
        row.get("sidecar_memory_bytes"),
    )


def _cores(percent: float | None) -> float | None:
    return None if percent is None else percent / 100


def _state(reported: str | None, is_running: bool) -> str:
    return (reported or "unknown") if is_running else "unknown"
