"""Moves a running system to the broker of another component set, service by service.

Both brokers run meanwhile. A service moves by new component files and a rolling restart, so no
request is refused. While a producer and a consumer of its events are at different brokers, the
consumer fetches them from the journal of the producer (GET /changes), as after a loss at a broker,
and what comes twice takes effect once. So nothing needs to be moved from broker to broker.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tools.runner.config.components import Document, is_of_broker, load_set
from tools.runner.config.manifest import read_manifest
from tools.runner.errors import RunnerError
from tools.runner.infra import toolchain
from tools.runner.infra.component_types import choose_daprd
from tools.runner.infra.servers import BROKERS, needed_servers

if TYPE_CHECKING:
    from tools.runner.supervisor.scaling import ReplicaScaler
    from tools.runner.supervisor.supervisor import Supervisor


class BrokerSwitch:
    """Switches one system. What it has moved is known until the switch is finished.

    Interrupted, it is repeated, or the system is switched back in the same way.
    """

    def __init__(self, system: Supervisor, scaler: ReplicaScaler) -> None:
        self._system = system
        self._scaler = scaler
        self._sets: dict[str, str] = {}
        """The set with the broker of each service that an unfinished switch touched; empty for one
        whose restart failed."""
        self._turn = asyncio.Lock()

    async def begin(self, set_name: str) -> list[str]:
        """Start the broker of a set beside the other one; return the services that must move.

        Raises RunnerError for a set that differs in more than its broker.
        """
        async with self._turn:
            documents = self._documents(set_name)
            self._require_same_rest(set_name, documents)
            self._require_daprd(set_name, documents)
            await self._system.servers.add(needed_servers(documents), documents)
            return [app for app in self._services() if self._set_of(app) != set_name]

    async def move(self, set_name: str, app_id: str) -> None:
        """Move all replicas of a service. Raises RunnerError if one does not become ready."""
        async with self._turn:
            self._sets[app_id] = ""
            self._system.renderer().write_brokers(self._documents(set_name), app_id)
            await self._scaler.restart_rolling(app_id)
            self._sets[app_id] = set_name

    async def finish(self, set_name: str) -> None:
        """Stop the broker that no service uses any more.

        Raises RunnerError if one has not moved.
        """
        async with self._turn:
            left = [app for app in self._services() if self._set_of(app) != set_name]
            if left:
                raise RunnerError(f"{', '.join(left)} did not move: run the switch again")
            self._sets.clear()
            self._system.set_name = set_name
            needed = needed_servers(self._documents(set_name))
            for server in list(self._system.servers.running):
                if server.name in BROKERS and server.name not in needed:
                    await self._system.servers.remove(server)
            self._system.on_replicas_changed()

    def _services(self) -> list[str]:
        """Return the services that run, the gateway last: until then its pages are as before."""
        running = self._system.replicas.counts()
        return sorted(running, key=lambda app: app == self._system.topology.gateway)

    def _set_of(self, app_id: str) -> str:
        return self._sets.get(app_id, self._system.set_name)

    def _documents(self, set_name: str) -> list[Document]:
        return load_set(set_name, read_manifest(self._system.plan.manifest)[0].resources)

    def _require_same_rest(self, set_name: str, documents: list[Document]) -> None:
        own = self._documents(self._system.set_name)
        before, after = (
            [each for each in found if not is_of_broker(each)] for found in (own, documents)
        )
        changed = [each for each in (*before, *after) if each not in before or each not in after]
        differing = sorted({str(each["metadata"]["name"]) for each in changed})
        if differing:
            raise RunnerError(
                f'"{set_name}" has other components than "{self._system.set_name}" for '
                f"{', '.join(differing)}, and only the broker can be switched: `migrate` moves "
                "state of a stopped system"
            )

    def _require_daprd(self, set_name: str, documents: list[Document]) -> None:
        chosen = choose_daprd(set_name, documents)
        if (
            chosen == toolchain.WIDE
            and toolchain.find_tool(chosen) != self._system.replicas.used_settings.daprd
        ):
            raise RunnerError(
                f'"{set_name}" needs a daprd with more components than the sidecars run: stop the '
                f"system, and start it with --components {set_name}"
            )
