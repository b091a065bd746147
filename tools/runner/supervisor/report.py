"""What `ps` shows, and what other commands need to know about a running system."""

from collections.abc import Mapping, Sequence
from typing import Any

from tools.runner.infra.servers import ManagedServer
from tools.runner.supervisor.process import ManagedProcess
from tools.runner.supervisor.replicas import ServiceReplica

_WORST_FIRST = ("failed", "backoff", "stopped", "starting", "ready")


def replica_row(unit: ServiceReplica, processes: Mapping[str, ManagedProcess]) -> dict[str, Any]:
    """Return the row of one service with its sidecar."""
    app, sidecar = processes[unit.name], processes[unit.sidecar_name]
    return {
        "service": unit.name,
        "app_id": unit.app.app_id,
        "address": f"http://127.0.0.1:{unit.app_port}",
        "app_port": unit.app_port,
        "sidecar_port": unit.http_port,
        "sidecar_grpc_port": unit.grpc_port,
        "pid": app.pid,
        "sidecar_pid": sidecar.pid,
        "state": worst_state([app.state, sidecar.state]),
        "restarts": app.restarts,
        "sidecar_restarts": sidecar.restarts,
    }


def server_row(server: ManagedServer, process: ManagedProcess | None) -> dict[str, Any]:
    """Return the row of one server.

    The state of one that somebody else runs is `external`, and `holder` says whose it is.
    """
    return {
        "service": server.name,
        "address": server.address,
        "pid": process.pid if process else None,
        "state": process.state if process else "external",
        "restarts": process.restarts if process else 0,
        "holder": server.owner,
    }


def worst_state(states: Sequence[str]) -> str:
    """Return the state of a pair: the worse of the two."""
    return min(states, key=_WORST_FIRST.index)


def replica_tokens(units: Sequence[ServiceReplica]) -> dict[str, dict[str, str]]:
    """Return the tokens of each unit: towards its sidecar, and from its sidecar."""
    return {unit.name: {"sidecar": unit.sidecar_token, "app": unit.app_token} for unit in units}
