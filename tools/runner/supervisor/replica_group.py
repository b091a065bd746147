"""The replicas of all services of one system."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from tools.runner.config.manifest import ManifestApp
from tools.runner.config.start_plan import DEFAULT_PORT, StartPlan
from tools.runner.config.topology import Topology
from tools.runner.errors import RunnerError
from tools.runner.infra import ports
from tools.runner.supervisor.process import ManagedProcess
from tools.runner.supervisor.process_table import ProcessTable
from tools.runner.supervisor.replicas import (
    RunSettings,
    ServiceReplica,
    app_spec,
    create_replica,
    sidecar_spec,
)


class ReplicaGroup:
    """Creates replicas with their ports, starts their processes, and finds both by name."""

    def __init__(
        self,
        plan: StartPlan,
        topology: Topology,
        free_ports: Iterator[int],
        processes: ProcessTable,
        on_sidecar_returned: Callable[[str], None],
    ) -> None:
        """`on_sidecar_returned` is called with the app-id of a sidecar that was restarted."""
        self.running: list[ServiceReplica] = []
        self.gateway_port: int | None = None
        self.listener: socket.socket | None = None
        """The socket at `gateway_port`, which all replicas of the gateway share."""
        self.settings: RunSettings | None = None
        """Those of the start; None before it, and for a system without services."""
        self._plan = plan
        self._topology = topology
        self._ports = free_ports
        self._processes = processes
        self._on_sidecar_returned = on_sidecar_returned

    @property
    def used_settings(self) -> RunSettings:
        """The settings of a system that has services."""
        assert self.settings is not None  # noqa: S101 (for mypy: it was started with services)
        return self.settings

    def listen(self, apps: Sequence[ManifestApp]) -> int:
        """Return the public port, and listen there if the gateway is among the apps.

        It is that of --port, else that of the manifest. Raises RunnerError if it is taken.
        """
        port = self._public_port(apps)
        if any(app.app_id == self._topology.gateway for app in apps):
            self.gateway_port = port
            self.listener = ports.listen(port)
        return port

    def _public_port(self, apps: Sequence[ManifestApp]) -> int:
        if self._plan.port == 0:
            return next(self._ports)
        if self._plan.port is not None:
            return ports.require_free(self._plan.port)
        named = [app.ports["app-port"] for app in apps if app.app_id == self._topology.gateway]
        return ports.require_free(*named[0]) if named else ports.require_free(DEFAULT_PORT)

    def create_all(self, apps: Iterable[ManifestApp]) -> None:
        """Create the replicas of a start; nothing starts yet."""
        self.running = [
            self.create(app, number) for app in apps for number in range(self._count(app.app_id))
        ]

    def _count(self, app_id: str) -> int:
        return self._plan.replicas.get(app_id, self._topology.replicas.get(app_id, 1))

    def create(self, app: ManifestApp, number: int) -> ServiceReplica:
        """Return a replica with ports and tokens of its own; `number` counts from 0."""
        return create_replica(
            app,
            number,
            self._port_chooser(app, number),
            has_metrics=self._plan.observe,
            public_port=self.gateway_port if app.app_id == self._topology.gateway else None,
        )

    def _port_chooser(self, app: ManifestApp, number: int) -> Callable[[str], int]:
        is_gateway = app.app_id == self._topology.gateway

        def choose(option: str) -> int:
            if is_gateway and option == "app-port":
                return next(self._ports)  # only for its sidecar: people come to the shared socket
            named = app.ports.get(option)
            if named and number == 0 and self._plan.uses_manifest_ports:
                return ports.require_free(*named)
            return next(self._ports)

        return choose

    def launch_apps(self) -> None:
        """Start the services of all replicas, without their sidecars."""
        self._processes.launch(app_spec(each, self.used_settings) for each in self.running)

    def launch_sidecars(self, *, of_workflows: bool) -> None:
        """Start the sidecars of services that run workflows, or those of the others."""
        settings = self.used_settings
        self._processes.launch(
            sidecar_spec(each, settings)
            for each in self.running
            if (each.app.app_id in settings.workflows) is of_workflows
        )

    def launch(self, replica: ServiceReplica) -> None:
        """Start one more replica, of a service that runs."""
        self.running.append(replica)
        settings = self.used_settings
        self._processes.launch([app_spec(replica, settings), sidecar_spec(replica, settings)])

    def renew_sidecar(self, replica: ServiceReplica) -> None:
        """Give the next start of a sidecar the secrets of now, where they are in its environment.

        Raises RunnerError for a file of secrets that cannot be read.
        """
        self._processes[replica.sidecar_name].spec = sidecar_spec(replica, self.used_settings)

    async def wait_until_ready(self, replicas: Sequence[ServiceReplica]) -> None:
        """Wait until replicas are ready, and restart their processes from then on.

        Raises StartFailedError if one of them dies, or is not ready in time.
        """
        processes = [process for each in replicas for process in self.processes_of(each)]
        await self._processes.wait_until_ready(process.spec.name for process in processes)
        for process in processes:
            process.enable_restarts()
        self.watch(replicas)

    def watch(self, replicas: Iterable[ServiceReplica]) -> None:
        """Tell from now on which sidecars were restarted."""
        for replica in replicas:
            self._watch(replica)

    def _watch(self, replica: ServiceReplica) -> None:
        sidecar = self._processes[replica.sidecar_name]
        sidecar.on_recovered = lambda _: self._on_sidecar_returned(replica.app.app_id)

    def of(self, app_id: str) -> list[ServiceReplica]:
        """Return the replicas of a service. Raises RunnerError if it does not run here."""
        found = [replica for replica in self.running if replica.app.app_id == app_id]
        if not found:
            raise RunnerError(f'no service is named "{app_id}" (known: {", ".join(self.counts())})')
        return found

    def counts(self) -> Counter[str]:
        """Return how many replicas each running service has, in the order of their start."""
        return Counter(replica.app.app_id for replica in self.running)

    def processes_of(self, replica: ServiceReplica) -> tuple[ManagedProcess, ManagedProcess]:
        """Return the service of a replica and its sidecar."""
        return self._processes[replica.name], self._processes[replica.sidecar_name]

    def remove(self, replica: ServiceReplica) -> None:
        """Forget a replica whose processes have ended."""
        self.running.remove(replica)
        self._processes.forget(replica.name, replica.sidecar_name)

    async def stop(self) -> None:
        """Stop applications, then sidecars."""
        await self._processes.stop(replica.name for replica in self.running)
        await self._processes.stop(replica.sidecar_name for replica in self.running)

    def close(self) -> None:
        """Close the public socket."""
        if self.listener:
            self.listener.close()
