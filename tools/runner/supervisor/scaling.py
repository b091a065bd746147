"""Changes how many replicas a running service has, and restarts them one after another.

No request is lost and none fails. A new replica gets calls when it is ready. One that goes is
drained, in the order that was found on the real daprd (docs/scaling.md):

1. its name is hidden, so that no new call comes to it;
2. its sidecar stops its subscriptions (SIGTERM with a blocked shutdown) and serves on;
3. after `SETTLE_TIME`, the service finishes its requests, publishes what it committed, and ends;
4. its sidecar ends, and the broker delivers what it had not handled to the other replicas.

The gateway has its events until it ends: they tell it which of its pages are old. Its replicas take
connections from one queue, and clients of the one that goes connect again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tools.runner.errors import RunnerError

if TYPE_CHECKING:
    from tools.runner.supervisor.replicas import ServiceReplica
    from tools.runner.supervisor.supervisor import Supervisor

MAX_REPLICAS = 50
RECONNECT_TIME = 3.0
"""Seconds for which a replica that is ready again stays hidden: it has the address of before, to
which other sidecars have failed to connect meanwhile, and which they try again after a pause."""

SETTLE_TIME = 1.0
"""Seconds from the last lookup of a name until its call has arrived, and for the subscriptions to
stop. A call that comes later still is refused before it has an effect; its caller repeats it."""

FINISH_TIMEOUT = 15.0
"""Seconds for which a service may finish its requests and publish its events
(services/chassis/http/server.py, publishing/outbox.py)."""


class ReplicaScaler:
    """Scales and restarts services of one system, one at a time."""

    def __init__(self, system: Supervisor) -> None:
        self._system = system
        self._replicas = system.replicas
        self._names = system.names
        self._turn = asyncio.Lock()

    async def scale(self, app_id: str, count: int) -> None:
        """Give a service so many replicas; return when all are ready, and the others gone.

        Raises RunnerError for an unknown service, if none that would stay is ready, and if a new
        replica does not become ready: all
        new ones are removed again.
        """
        if not 1 <= count <= MAX_REPLICAS:
            raise RunnerError(f"{app_id} can have 1 to {MAX_REPLICAS} replicas, not {count}")
        async with self._turn:
            running = self._replicas.of(app_id)
            if running[count:] and not any(map(self._is_ready, running[:count])):
                raise RunnerError(
                    f"no replica of {app_id} that would stay is ready: `restart {app_id}` first"
                )
            await self._add(app_id, count - len(running))
            for replica in reversed(running[count:]):
                await self._remove(replica)

    async def restart_rolling(self, app_id: str) -> None:
        """Restart the replicas of a service one after another, those that do not work first.

        A single one has a stand-in. Secrets that were changed take effect. Raises RunnerError if
        one does not become ready; the others keep running as they are.
        """
        async with self._turn:
            running = self._replicas.of(app_id)
            stand_ins = await self._add(app_id, 1) if len(running) == 1 else []
            for replica in sorted(running, key=self._is_ready):
                self._replicas.renew_sidecar(replica)
                await self._drain(replica)
                await self._start_again(replica)
            for replica in stand_ins:
                await self._remove(replica)

    def _is_ready(self, replica: ServiceReplica) -> bool:
        return all(process.state == "ready" for process in self._replicas.processes_of(replica))

    async def _add(self, app_id: str, count: int) -> list[ServiceReplica]:
        """Start more replicas at once; others call them when they are ready."""
        running = self._replicas.of(app_id)
        added: list[ServiceReplica] = []
        try:
            for number in range(len(running), len(running) + count):
                replica = self._replicas.create(running[0].app, number)
                await self._names.hold(replica.internal_address)
                self._replicas.launch(replica)
                added.append(replica)
            await self._become_ready(added)
        except BaseException:
            for replica in added:
                await self._stop(replica)
                self._replicas.remove(replica)
            raise
        if added:
            self._system.replicas_changed()
        return added

    async def _start_again(self, replica: ServiceReplica) -> None:
        """Start a drained replica; if that fails, it stays as it is, and nobody calls it."""
        await self._names.hold(replica.internal_address)
        for process in self._replicas.processes_of(replica):
            process.enable_restarts(False)
            process.start()
        try:
            await self._become_ready([replica], hidden_for=RECONNECT_TIME)
        except BaseException:
            await self._stop(replica)
            raise

    async def _become_ready(
        self, replicas: Sequence[ServiceReplica], hidden_for: float = 0.0
    ) -> None:
        """Wait for replicas, and for some more seconds; then let others call them."""
        await self._replicas.wait_until_ready(replicas)
        await asyncio.sleep(hidden_for)
        for replica in replicas:
            await self._names.release(replica.internal_address)

    async def _stop(self, replica: ServiceReplica) -> None:
        """Stop a replica that nobody calls; a process that failed keeps its state to be seen."""
        processes = self._replicas.processes_of(replica)
        await asyncio.gather(*(each.stop() for each in processes if each.state != "failed"))
        await self._names.forget(replica.internal_address)

    async def _remove(self, replica: ServiceReplica) -> None:
        await self._drain(replica)
        self._replicas.remove(replica)
        self._system.replicas_changed()

    async def _drain(self, replica: ServiceReplica) -> None:
        """Stop a replica without losing a request or an event."""
        app, sidecar = self._replicas.processes_of(replica)
        await self._names.hide(replica.internal_address)
        if not replica.public_port:
            sidecar.drain()
            await asyncio.sleep(SETTLE_TIME)
        await app.stop(FINISH_TIMEOUT)
        await sidecar.stop()
        await self._names.forget(replica.internal_address)
        await self._system.servers.redeliver(replica.app.app_id)
