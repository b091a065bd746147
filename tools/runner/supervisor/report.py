"""The report on a running system, for `ps` and other commands."""

from collections.abc import Mapping, Sequence
from typing import Any

from tools.runner.infra.servers import ManagedServer
from tools.runner.supervisor.process import ManagedProcess
from tools.runner.supervisor.replicas import ServiceReplica

_WORST_FIRST = ("failed", "backoff", "stopped", "starting", "ready")


def replica_row(replica: ServiceReplica, processes: Mapping[str, ManagedProcess]) -> dict[str, Any]:
    """Return the row of one service with its sidecar."""
    app, sidecar = processes[replica.name], processes[replica.sidecar_name]
    return {
        "service": replica.name,
        "app_id": replica.app.app_id,
        "address": f"http://127.0.0.1:{replica.app_port}",
        "app_port": replica.app_port,
        "sidecar_port": replica.http_port,
        "sidecar_grpc_port": replica.grpc_port,
        "pid": app.pid,
        "sidecar_pid": sidecar.pid,
        "state": worst_state([app.state, sidecar.state]),
        "restarts": app.restarts,
        "sidecar_restarts": sidecar.restarts,
    }


def server_row(server: ManagedServer, process: ManagedProcess | None) -> dict[str, Any]:
    """Return the row of one server.

    The state of a server that another process owns is `external`; `holder` names the owner.
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
    """Return the worst of some states."""
    return min(states, key=_WORST_FIRST.index)


def replica_tokens(replicas: Sequence[ServiceReplica]) -> dict[str, dict[str, str]]:
    """Return the tokens of each replica: to its sidecar, and from its sidecar."""
    return {
        replica.name: {"sidecar": replica.sidecar_token, "app": replica.app_token}
        for replica in replicas
    }
