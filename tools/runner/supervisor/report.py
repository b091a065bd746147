"""The report on a system, for `ps`, the dashboard and other commands.

It also tells, for each process that is not ready, what it waits for or why it failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tools.runner.infra.servers import ManagedServer
from tools.runner.supervisor.process import ManagedProcess
from tools.runner.supervisor.replicas import ServiceReplica
from tools.runner.supervisor.usage import Usage

SHOWN_LINES = 5
"""Last lines of its log in the report on a process that is not ready."""

_WORST_FIRST = ("failed", "backoff", "stopped", "draining", "starting", "ready")


@dataclass(frozen=True)
class SystemView:
    """What a report is made of."""

    processes: Mapping[str, ManagedProcess]
    """Those that were started."""
    servers: Sequence[ManagedServer]
    usage: Mapping[int, Usage]
    """By process id."""
    replicas: Mapping[str, int]
    """How many replicas each service has."""

    def state(self, name: str) -> str:
        """Return the state of a process; one that was not started yet is `starting`."""
        process = self.processes.get(name)
        return process.state if process else "starting"

    def late_servers(self) -> list[str]:
        """Return the servers that are not ready yet."""
        return [
            each.name for each in self.servers if each.spec and self.state(each.name) != "ready"
        ]


def replica_row(replica: ServiceReplica, view: SystemView) -> dict[str, Any]:
    """Return the row of one service with its sidecar."""
    app = _process_fields(replica.name, _app_wait(replica, view), view)
    sidecar = _process_fields(replica.sidecar_name, _sidecar_wait(replica, view), view)
    return {
        "service": replica.name,
        "app_id": replica.app.app_id,
        "replicas": view.replicas[replica.app.app_id],
        "address": f"http://127.0.0.1:{replica.public_port or replica.app_port}",
        "app_port": replica.app_port,
        "public_port": replica.public_port,
        "sidecar_port": replica.http_port,
        "sidecar_grpc_port": replica.grpc_port,
        "sidecar_internal_port": replica.internal_port,
        "metrics_port": replica.metrics_port,
        **app,
        "state": worst_state([app["state"], sidecar["state"]]),
        "app_state": app["state"],
        **{f"sidecar_{key}": value for key, value in sidecar.items()},
    }


def server_row(server: ManagedServer, view: SystemView) -> dict[str, Any]:
    """Return the row of one server.

    The state of a server that another process owns is `external`; `holder` names the owner.
    """
    is_starting = view.state(server.name) == "starting"
    wait = f"does not answer at {server.address or 'its port'} yet" if is_starting else ""
    row = _process_fields(server.name, wait, view)
    if server.spec is None:
        row |= {"state": "external", "reason": f"belongs to another process: {server.owner}"}
    return {"service": server.name, "address": server.address, **row, "holder": server.owner}


def _process_fields(name: str, waits_for: str, view: SystemView) -> dict[str, Any]:
    process = view.processes.get(name)
    usage = view.usage.get(process.pid) if process and process.pid else None
    state = view.state(name)
    return {
        "state": state,
        "pid": process.pid if process else None,
        "reason": (process.trouble() if process else "") or waits_for,
        "last_lines": process.last_lines(SHOWN_LINES) if process and state != "ready" else [],
        "restarts": process.restarts if process else 0,
        **(asdict(usage) if usage else dict.fromkeys(Usage.__dataclass_fields__)),
    }


def _app_wait(replica: ServiceReplica, view: SystemView) -> str:
    """Return what a starting service waits for."""
    if view.state(replica.name) != "starting":
        return ""
    if replica.sidecar_name in view.processes:
        return f"does not answer /readyz on port {replica.app_port} yet"
    return f"waits for its sidecar, which {_sidecar_wait(replica, view)}"


def _sidecar_wait(replica: ServiceReplica, view: SystemView) -> str:
    """Return what a starting sidecar waits for: servers, then its service."""
    if view.state(replica.sidecar_name) != "starting":
        return ""
    late = view.late_servers()
    if replica.sidecar_name not in view.processes and late:
        return f"waits for {', '.join(late)}"
    if view.state(replica.name) != "ready":
        return f"waits for {replica.name} on port {replica.app_port}"
    return f"does not answer on port {replica.http_port} yet"


def worst_state(states: Sequence[str]) -> str:
    """Return the worst of some states."""
    return min(states, key=_WORST_FIRST.index)


def replica_tokens(replicas: Sequence[ServiceReplica]) -> dict[str, dict[str, str]]:
    """Return the tokens of each replica: to its sidecar, and from its sidecar."""
    return {
        replica.name: {"sidecar": replica.sidecar_token, "app": replica.app_token}
        for replica in replicas
    }
