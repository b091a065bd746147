"""The servers of one system: its brokers and stores, and those of Dapr."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tools.runner.config.components import Document
from tools.runner.config.topology import CONTROL_PLANE, ETCD
from tools.runner.errors import RunnerError, StartFailedError
from tools.runner.infra import servers
from tools.runner.infra.jetstream import JetStreamManager
from tools.runner.output.progress import wait_first
from tools.runner.supervisor.process_table import READY_TIMEOUT, ProcessTable


class ServerGroup:
    """Starts and stops servers, and knows what sidecars need of them."""

    def __init__(
        self,
        processes: ProcessTable,
        context: Callable[[Sequence[Document]], servers.ServerContext],
        restart_sidecars: Callable[[], object],
    ) -> None:
        """`context` gives what the set-up of servers for some components needs.

        `restart_sidecars` is called when a server was away for longer than sidecars tolerate.
        """
        self.running: list[servers.ManagedServer] = []
        self._processes = processes
        self._context = context
        self._restart_sidecars = restart_sidecars

    def set_up(self, names: Iterable[str], documents: Sequence[Document]) -> None:
        """Set up the servers of a start; `start` starts them."""
        context = self._context(documents)
        self.running = [servers.set_up_server(name, context) for name in names]

    # ── start and end ───────────────────────────────────────────────────────────────────────

    @property
    def control_plane(self) -> list[servers.ManagedServer]:
        """The servers of Dapr that workflows need."""
        return [server for server in self.running if server.name in CONTROL_PLANE]

    @property
    def etcd(self) -> list[servers.ManagedServer]:
        """The database of the scheduler, if that runs."""
        return [server for server in self.running if server.name == ETCD]

    @property
    def others(self) -> list[servers.ManagedServer]:
        """What every sidecar connects to."""
        return [server for server in self.running if server.name not in (*CONTROL_PLANE, ETCD)]

    def launch(self, chosen: Iterable[servers.ManagedServer]) -> None:
        """Start those that no other process owns."""
        self._processes.launch(server.spec for server in chosen if server.spec)

    async def start(self, chosen: Sequence[servers.ManagedServer]) -> None:
        """Start some servers, and wait until they are ready. Raises StartFailedError."""
        self.launch(chosen)
        await self.wait_until_ready(chosen)

    async def wait_until_ready(self, chosen: Sequence[servers.ManagedServer]) -> None:
        """Wait for some servers, and for the streams of JetStream. Raises StartFailedError."""
        await self._processes.wait_until_ready(server.name for server in chosen if server.spec)
        for server in chosen:
            if server.jetstream:
                await self._start_jetstream(server.name, server.jetstream)

    async def _start_jetstream(self, name: str, manager: JetStreamManager) -> None:
        manager.start()
        ready = asyncio.ensure_future(manager.ready.wait())
        if not await wait_first({ready}, "waiting for the streams of JetStream", READY_TIMEOUT):
            ready.cancel()
            process = self._processes.get(name)
            said = f": see {process.log}" if process else ""
            raise StartFailedError(f"JetStream does not accept its streams{said}")

    def watch(self) -> None:
        """Restart sidecars from now on when a server was away for too long for them."""
        for server in self.running:
            self._watch(server)

    def _watch(self, server: servers.ManagedServer) -> None:
        tolerated = server.restart_sidecars_after
        if not server.spec or tolerated is None:
            return

        def returned(away: float) -> None:
            if away >= tolerated:
                self._restart_sidecars()

        self._processes[server.name].on_recovered = returned

    async def add(self, names: Iterable[str], documents: Sequence[Document]) -> None:
        """Start servers of a component set that do not run yet, and wait until they are ready.

        Raises StartFailedError.
        """
        running = {server.name for server in self.running}
        context = self._context(documents)
        for name in names:
            if name not in running:
                await self._add(servers.set_up_server(name, context))

    async def _add(self, server: servers.ManagedServer) -> None:
        self.running.append(server)
        try:
            await self.start([server])
        except BaseException:
            await self.remove(server)
            raise
        if server.spec:
            self._processes[server.name].enable_restarts()
            self._watch(server)

    async def remove(self, server: servers.ManagedServer) -> None:
        """Stop a server that nothing uses any more. Its data stay."""
        if server.jetstream:
            await server.jetstream.stop()
        if server.spec:
            await self._processes.stop([server.name])
            self._processes.forget(server.name)
        self.running.remove(server)

    async def stop_jetstream(self) -> None:
        """Stop what keeps the streams of JetStream, before its server stops."""
        for server in self.running:
            if server.jetstream:
                await server.jetstream.stop()

    # ── what others need of them ────────────────────────────────────────────────────────────

    def overrides(self) -> dict[tuple[str, str], str]:
        """Return the settings of components that differ here, by component and setting."""
        return {key: value for each in self.running for key, value in each.overrides.items()}

    def logins(self) -> set[str]:
        """Return the secrets with a login, of which each service has one of its own."""
        return {secret for server in self.running for secret in server.logins}

    async def redeliver(self, app_id: str) -> None:
        """Have JetStream deliver again what sidecars of a service took and did not acknowledge."""
        for server in self.running:
            if server.jetstream:
                await server.jetstream.redeliver_pending(app_id)

    async def pending_messages(self) -> list[tuple[str, str, int]]:
        """Return service, topic and count of the messages that brokers hold.

        Empty for brokers that the runner did not start, and for one that does not answer.
        """
        counters = [each.pending_messages for each in self.running if each.pending_messages]
        return [each for count in counters for each in await count()]

    def data_of(self, name: str) -> Path:
        """Return the data folder of a server that starts again without it.

        Raises RunnerError for others.
        """
        for server in self.running:
            if server.name == name and server.data:
                return server.data
        raise RunnerError(f'"{name}" is not a server whose data can be deleted')
