"""Supervises the processes of one run directory: ordered start, restarts, ordered stop."""

import asyncio
import os
import socket
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from services.chassis.security.access_rules import METRICS_SECRET, OPERATOR_SECRET
from tools.runner.config.components import (
    Document,
    load_set,
    render_brokers,
    render_configs,
    render_set,
)
from tools.runner.config.manifest import ManifestApp, read_manifest
from tools.runner.config.monitoring_settings import MonitoringSettings
from tools.runner.config.secrets import SecretsFile, create_token, read_or_create_token
from tools.runner.config.start_plan import DEFAULT_PORT, StartPlan
from tools.runner.config.topology import CONTROL_PLANE, ETCD, read_topology
from tools.runner.config.tracing import ENDPOINT, TRACING_MODULES, Tracing, tracing_of
from tools.runner.errors import RunnerError, StartFailedError
from tools.runner.http_client import request
from tools.runner.infra import component_types, ports, servers, toolchain
from tools.runner.infra.guests import with_guests
from tools.runner.infra.identities import Identities
from tools.runner.infra.jetstream import JetStreamManager
from tools.runner.infra.monitoring import NAMES, USER, Monitoring
from tools.runner.infra.name_registry import NameRegistry
from tools.runner.output.logs import Echo
from tools.runner.output.progress import wait_first
from tools.runner.supervisor import dashboard, report
from tools.runner.supervisor.exporter import RunnerExporter
from tools.runner.supervisor.forking import ForkServer
from tools.runner.supervisor.process import ManagedProcess, ProcessSpec
from tools.runner.supervisor.replicas import (
    RunSettings,
    ServiceReplica,
    app_spec,
    base_env,
    create_replica,
    sidecar_spec,
)
from tools.runner.supervisor.usage import UsageMeter

_NOT_RUNNING = ("stopped", "draining", "failed")

READY_TIMEOUT = 120.0
"""Seconds after which a process that is neither ready nor dead fails the start."""

_CALL_TIME = 1.2
"""Seconds for which a sidecar that is to restart may finish its calls."""


class Supervisor:
    """Starts, restarts and stops everything that one plan names."""

    def __init__(self, plan: StartPlan, echo: Echo | None = None) -> None:
        self.plan = plan
        self.access = plan.rules()
        self.topology = read_topology(self.access)
        self.set_name = plan.components or self.topology.default_set
        self.gateway_port: int | None = None
        self.replicas: list[ServiceReplica] = []
        self.servers: list[servers.ManagedServer] = []
        self.is_started = False
        self.names = NameRegistry(plan.run.path / "names.db")
        self._settings: RunSettings | None = None
        self._listener: socket.socket | None = None
        self.on_replicas_changed: Callable[[], object] = lambda: None
        self._usage = UsageMeter()
        self._echo = echo
        self._processes: dict[str, ManagedProcess] = {}
        self._ports = ports.free_ports()
        has_mtls = plan.mtls and not plan.infra_only
        self._identities = Identities(plan.run) if has_mtls else None
        self._dashboard = dashboard.Dashboard.planned(plan, self._ports)
        self._tracing = self._choose_tracing()
        self._monitoring = self._create_monitoring() if plan.observe else None
        self._exporter: RunnerExporter | None = None
        self._background_tasks: set[asyncio.Task[None]] = set()
        shared = self.topology.shared_modules + (TRACING_MODULES if self._tracing else ())
        self._fork_server = ForkServer(
            shared, base_env(plan.run), plan.run.logs / "fork-server.log"
        )

    async def start(self) -> None:
        """Start everything, and return when all processes are ready.

        Raises StartFailedError when a process dies or is not ready in time.
        """
        everything = with_guests(read_manifest(self.plan.manifest), self.plan.guests)
        apps = self.plan.select_apps(everything)
        self._prepare_run_dir()
        self._launch_dashboard()
        context = self._server_context(load_set(self.set_name, everything[0].resources))
        names: tuple[str, ...] = (servers.SENTRY,) if self._identities else ()
        names += servers.needed_servers(context.documents)
        served = self.plan.served_apps(everything)
        names += self.topology.control_plane(app.app_id for app in served)
        self.servers = [servers.set_up_server(name, context) for name in names]
        await (self._start_services(apps) if apps else self._start_servers(self.servers))
        if self._monitoring:
            await self._start_monitoring(self._monitoring)
        await self._all_ready(self._essential_processes())
        await self._check_gateway()
        self._enable_restarts()
        self.is_started = True

    def _choose_tracing(self) -> Tracing | None:
        """Spans go to the receiver that the environment names, else to the dashboard."""
        if self._dashboard and not os.environ.get(ENDPOINT):
            return self._dashboard.tracing(self.plan.trace)
        return tracing_of(self.plan.trace)

    def _launch_dashboard(self) -> None:
        """Start the dashboard. Nothing waits for it, and it is restarted from the first on."""
        if self._dashboard and (spec := self._dashboard.server().spec):
            process = ManagedProcess(spec, self.plan.run.logs)
            process.enable_restarts()
            self._processes[spec.name] = process
            process.start()

    def _essential_processes(self) -> list[ManagedProcess]:
        """Return the processes that a start waits for."""
        return [each for name, each in self._processes.items() if name != dashboard.NAME]

    async def _start_services(self, apps: Sequence[ManifestApp]) -> None:
        """Start services, and each sidecar once the servers that it connects to are ready."""
        self._settings = settings = self._run_settings(apps)
        self.replicas = [replica for app in apps for replica in self._create_replicas(app)]
        working = [replica for replica in self.replicas if replica.app.app_id in settings.workflows]
        control_plane = [server for server in self.servers if server.name in CONTROL_PLANE]
        etcd = [server for server in self.servers if server.name == ETCD]
        others = [server for server in self.servers if server not in (*control_plane, *etcd)]
        self._launch(server.spec for server in (*others, *etcd) if server.spec)
        self._launch(app_spec(replica, settings) for replica in self.replicas)
        await self._servers_ready(others)
        self._launch(
            sidecar_spec(replica, settings) for replica in self.replicas if replica not in working
        )
        await self._servers_ready(etcd)
        await self._start_servers(control_plane)
        self._launch(sidecar_spec(replica, settings) for replica in working)

    def _create_monitoring(self) -> Monitoring:
        settings = MonitoringSettings.from_environment(os.environ)
        return Monitoring(self.plan.run, self._ports, settings)

    async def _start_monitoring(self, monitoring: Monitoring) -> None:
        """Start what watches the others; nothing waits for it but the end of the start."""
        self._exporter = RunnerExporter(self, read_or_create_token(self.plan.run.metrics_token))
        await self._exporter.start(monitoring.exporter_port)
        monitoring.write_targets(self.replicas)
        watching = monitoring.servers()
        self.servers += watching
        self._launch(server.spec for server in watching if server.spec)

    async def _start_servers(self, chosen: Sequence[servers.ManagedServer]) -> None:
        self._launch(server.spec for server in chosen if server.spec)
        await self._servers_ready(chosen)

    def _prepare_run_dir(self) -> None:
        self.plan.run.create()
        for name in ("names.db", "names.db-wal", "names.db-shm"):
            (self.plan.run.path / name).unlink(missing_ok=True)
        if self._identities:
            self._identities.create()
            self._spawn_task(self._identities.keep_fresh())

    def _server_context(self, documents: Sequence[Document]) -> servers.ServerContext:
        secrets = SecretsFile(self.plan.run.secrets)
        secrets.create_missing()
        create_token(self.plan.run.operator_token, secrets, OPERATOR_SECRET)
        create_token(self.plan.run.metrics_token, secrets, METRICS_SECRET)
        return servers.ServerContext(
            run=self.plan.run,
            secrets=secrets,
            ports=self._ports,
            tool=toolchain.require_tool,
            topics=self.topology.topics,
            standard_ports=self.plan.infra_only,
            documents=documents,
            identities=self._identities,
            access=self.access,
        )

    def _daprd(self, apps: Sequence[ManifestApp]) -> str:
        return component_types.choose_daprd(
            self.set_name, load_set(self.set_name, apps[0].resources)
        )

    def _run_settings(self, apps: Sequence[ManifestApp]) -> RunSettings:
        port = self._gateway_port(apps)
        if any(app.app_id == self.topology.gateway for app in apps):
            self.gateway_port = port
            self._listener = ports.listen(port)
        return RunSettings(
            run=self.plan.run,
            daprd=toolchain.require_tool(self._daprd(apps)),
            resources=render_set(
                self.set_name,
                self.plan.run,
                self._overrides(),
                self.access,
                apps[0].resources,
                self._logins(),
            ),
            configs=render_configs(
                apps,
                self.plan.run,
                self.access,
                has_mtls=bool(self._identities),
                tracing=self._tracing,
                has_metrics=self.plan.observe,
            ),
            public_url=os.environ.get("MICROGRAM_PUBLIC_URL") or f"http://127.0.0.1:{port}",
            control_plane={
                each.name: each.address for each in self.servers if each.name in CONTROL_PLANE
            },
            workflows=self.topology.workflows,
            listener=self._listener,
            identities=self._identities,
            tracing=self._tracing,
        )

    def _overrides(self) -> dict[tuple[str, str], str]:
        return {key: value for each in self.servers for key, value in each.overrides.items()}

    def _logins(self) -> set[str]:
        return {secret for server in self.servers for secret in server.logins}

    def _create_replicas(self, app: ManifestApp) -> Iterator[ServiceReplica]:
        count = self.plan.replicas.get(app.app_id, self.topology.replicas.get(app.app_id, 1))
        for number in range(count):
            yield self.create_replica(app, number)

    def _gateway_port(self, apps: Sequence[ManifestApp]) -> int:
        """Return the port of --port, else that of the manifest."""
        if self.plan.port == 0:
            return next(self._ports)
        if self.plan.port is not None:
            return ports.require_free(self.plan.port)
        named = [app.ports["app-port"] for app in apps if app.app_id == self.topology.gateway]
        return ports.require_free(*named[0]) if named else ports.require_free(DEFAULT_PORT)

    def _port_chooser(self, app: ManifestApp, replica: int) -> Callable[[str], int]:
        is_gateway = app.app_id == self.topology.gateway

        def choose(option: str) -> int:
            if is_gateway and option == "app-port":
                return next(self._ports)  # only for its sidecar: people come to the shared socket
            named = app.ports.get(option)
            if named and replica == 0 and self.plan.uses_manifest_ports:
                return ports.require_free(*named)
            return next(self._ports)

        return choose

    def _launch(self, specs: Iterable[ProcessSpec]) -> None:
        for spec in specs:
            process = ManagedProcess(spec, self.plan.run.logs, self._echo, self._fork_server)
            self._processes[spec.name] = process
            process.start()

    async def _servers_ready(self, servers: Sequence[servers.ManagedServer]) -> None:
        """Wait for some servers, and for the streams of JetStream."""
        await self._all_ready(self._processes[server.name] for server in servers if server.spec)
        for server in servers:
            if server.jetstream:
                await self._start_jetstream(server.jetstream)

    async def _start_jetstream(self, manager: JetStreamManager) -> None:
        manager.start()
        ready = asyncio.ensure_future(manager.ready.wait())
        if not await wait_first({ready}, "waiting for the streams of JetStream", READY_TIMEOUT):
            ready.cancel()
            said = f"JetStream does not accept its streams: see {self.plan.run.logs / 'nats.log'}"
            raise StartFailedError(said)

    async def _all_ready(self, awaited: Iterable[ManagedProcess]) -> None:
        """Wait for some processes; fail as soon as any process has died.

        A process that is restarted does not count as dead.
        """
        processes = list(awaited)
        deaths = {
            asyncio.ensure_future(process.died.wait()): process
            for process in {*processes, *self._processes.values()}
            if not self.is_started or process in processes
        }
        ready = asyncio.ensure_future(_wait_all(process.is_ready for process in processes))
        waiting: set[asyncio.Future[Any]] = {ready, *deaths}
        try:
            done = await wait_first(
                waiting, "starting", READY_TIMEOUT, lambda: _describe_progress(processes)
            )
            for task, process in deaths.items():
                if task in done:
                    raise StartFailedError(process.failure_report())
            if not done:
                raise StartFailedError(_timeout_report(processes))
        finally:
            for each in waiting:
                each.cancel()

    async def _check_gateway(self) -> None:
        """Send a first request through the gateway."""
        if self.gateway_port:
            try:
                status, _ = await request(self.gateway_port, "/healthz", seconds=READY_TIMEOUT)
            except (OSError, TimeoutError) as error:
                raise StartFailedError(
                    f"the gateway does not answer on its public port {self.gateway_port} "
                    f"({error or 'time-out'}): see {self.plan.run.logs / 'gateway.log'}"
                ) from error
            if status != 200:
                raise StartFailedError(f"the gateway answers {status} to /healthz")

    def _enable_restarts(self) -> None:
        """Restart processes that die from now on."""
        for process in self._processes.values():
            process.enable_restarts()
        for server in self.servers:
            self._restart_sidecars_after(server)
        for replica in self.replicas:
            self._redeliver_after_restarts(replica)

    def _restart_sidecars_after(self, server: servers.ManagedServer) -> None:
        if server.spec and server.restart_sidecars_after is not None:
            restarter = self._sidecar_restarter(server.restart_sidecars_after)
            self._processes[server.name].on_recovered = restarter

    def _redeliver_after_restarts(self, replica: ServiceReplica) -> None:
        app_id = replica.app.app_id
        self._processes[replica.sidecar_name].on_recovered = lambda _: self._spawn_task(
            self.redeliver(app_id)
        )

    async def redeliver(self, app_id: str) -> None:
        """Have JetStream deliver again what sidecars of a service took and did not acknowledge."""
        for server in self.servers:
            if server.jetstream:
                await server.jetstream.redeliver_pending(app_id)

    def _sidecar_restarter(self, tolerated: float) -> Callable[[float], None]:
        def returned(away: float) -> None:
            if away >= tolerated:
                self._spawn_task(self._restart_sidecars())

        return returned

    def _spawn_task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background_tasks.add(task)
        task.add_done_callback(self._background_tasks.discard)

    async def _restart_sidecars(self) -> None:
        """Restart all sidecars at once; calls that have begun have a moment to end."""
        running = [
            (replica, process)
            for replica in self.replicas
            if (process := self._processes[replica.sidecar_name]).state not in _NOT_RUNNING
        ]
        for replica, _ in running:
            await self.names.hide(replica.internal_address)
        await asyncio.gather(*(process.stop(_CALL_TIME) for _, process in running))
        for replica, process in running:
            if (
                replica in self.replicas and process.state == "stopped"
            ):  # else scaled down meanwhile
                process.start()

    async def stop(self) -> None:
        """Stop applications, then sidecars, then servers."""
        for task in self._background_tasks:
            task.cancel()
        if self._exporter:
            await self._exporter.stop()
        apps = {replica.name for replica in self.replicas}
        sidecars = {replica.sidecar_name for replica in self.replicas}
        await self._stop_matching(lambda name: name in apps)
        await self._stop_matching(lambda name: name in sidecars)
        for server in self.servers:
            if server.jetstream:
                await server.jetstream.stop()
        await self._stop_matching(lambda _: True)
        await self._fork_server.close()
        if self._listener:
            self._listener.close()

    async def _stop_matching(self, belongs: Callable[[str], bool]) -> None:
        chosen = [process for name, process in self._processes.items() if belongs(name)]
        await asyncio.gather(*(process.stop() for process in chosen))

    def find_processes(self, name: str) -> list[ManagedProcess]:
        """Return the processes of a name, applications first.

        `posts` is the service with its replicas and their sidecars, `posts.daprd` one process,
        `nats` a server. Raises RunnerError for any other name.
        """
        replicas = [replica for replica in self.replicas if replica.app.app_id == name]
        names = [replica.name for replica in replicas] + [
            replica.sidecar_name for replica in replicas
        ]
        found = [self._processes[each] for each in names or [name] if each in self._processes]
        if not found:
            raise RunnerError(f'no process is named "{name}" (known: {", ".join(self._processes)})')
        return found

    # ── replicas ────────────────────────────────────────────────────────────────────────────

    def replicas_of(self, app_id: str) -> list[ServiceReplica]:
        """Return the replicas of a service. Raises RunnerError if it does not run here."""
        found = [replica for replica in self.replicas if replica.app.app_id == app_id]
        if not found:
            known = ", ".join(dict.fromkeys(replica.app.app_id for replica in self.replicas))
            raise RunnerError(f'no service is named "{app_id}" (known: {known})')
        return found

    def create_replica(self, app: ManifestApp, number: int) -> ServiceReplica:
        """Return a replica with ports and tokens of its own; `number` counts from 0."""
        return create_replica(
            app,
            number,
            self._port_chooser(app, number),
            has_metrics=self.plan.observe,
            public_port=self.gateway_port if app.app_id == self.topology.gateway else None,
        )

    def launch_replica(self, replica: ServiceReplica) -> None:
        """Start a new replica."""
        assert self._settings is not None  # noqa: S101 (for mypy: another one runs already)
        self.replicas.append(replica)
        self._launch([app_spec(replica, self._settings), sidecar_spec(replica, self._settings)])

    async def replicas_ready(self, replicas: Sequence[ServiceReplica]) -> None:
        """Wait until replicas are ready, and restart their processes from then on.

        Raises StartFailedError if one of them dies, or is not ready in time.
        """
        processes = [process for each in replicas for process in self.processes_of(each)]
        await self._all_ready(processes)
        for process in processes:
            process.enable_restarts()
        for replica in replicas:
            self._redeliver_after_restarts(replica)

    def processes_of(self, replica: ServiceReplica) -> tuple[ManagedProcess, ManagedProcess]:
        """Return the service of a replica and its sidecar."""
        return self._processes[replica.name], self._processes[replica.sidecar_name]

    def remove_replica(self, replica: ServiceReplica) -> None:
        """Forget a replica whose processes have ended."""
        self.replicas.remove(replica)
        del self._processes[replica.name], self._processes[replica.sidecar_name]

    def replicas_changed(self) -> None:
        """Tell those who need to know that there are other replicas."""
        if self._monitoring:
            self._monitoring.write_targets(self.replicas)
        self.on_replicas_changed()

    # ── brokers ─────────────────────────────────────────────────────────────────────────────

    @property
    def daprd(self) -> Path:
        """The program of all sidecars."""
        assert self._settings is not None  # noqa: S101 (for mypy: it was started with services)
        return self._settings.daprd

    async def add_servers(self, names: Iterable[str], documents: Sequence[Document]) -> None:
        """Start servers of a component set that do not run yet, and wait until they are ready."""
        running = {server.name for server in self.servers}
        context = self._server_context(documents)
        for name in names:
            if name not in running:
                await self._add_server(servers.set_up_server(name, context))

    async def _add_server(self, server: servers.ManagedServer) -> None:
        self.servers.append(server)
        try:
            await self._start_servers([server])
        except BaseException:
            await self.remove_server(server)
            raise
        if server.spec:
            self._processes[server.name].enable_restarts()
            self._restart_sidecars_after(server)

    async def remove_server(self, server: servers.ManagedServer) -> None:
        """Stop a server that nothing uses any more. Its data stay."""
        if server.jetstream:
            await server.jetstream.stop()
        if server.spec:
            await self._processes.pop(server.name).stop()
        self.servers.remove(server)

    def render_brokers(self, set_name: str, app_id: str) -> None:
        """Write the files by which sidecars of a service find the broker of a set, once started."""
        resources = read_manifest(self.plan.manifest)[0].resources
        render_brokers(
            set_name,
            app_id,
            self.plan.run,
            self._overrides(),
            self.access,
            resources,
            self._logins(),
        )

    # ── what commands ask for ───────────────────────────────────────────────────────────────

    async def stop_named(self, name: str) -> None:
        """Stop the processes of a name until `start_named`."""
        stopped = self.find_processes(name)
        for process in stopped:
            await process.stop()
        for replica in self.replicas:
            if self._processes[replica.sidecar_name] in stopped:
                await self.names.forget(replica.internal_address)

    async def start_named(self, name: str) -> None:
        """Start the processes of a name, and wait until they are ready.

        Raises TimeoutError if they are not ready in time.
        """
        chosen = self.find_processes(name)
        for process in chosen:
            process.enable_restarts(True)  # a failed rolling restart has left them without
            process.start()
        async with asyncio.timeout(READY_TIMEOUT):
            await _wait_all(process.is_ready for process in chosen)

    def processes(self) -> Iterator[tuple[str, str, ManagedProcess]]:
        """Yield kind (service, sidecar or server), service (of both of its kinds) and process."""
        kinds = {replica.name: ("service", replica.app.app_id) for replica in self.replicas}
        kinds |= {each.sidecar_name: ("sidecar", each.app.app_id) for each in self.replicas}
        for name, process in self._processes.items():
            kind, service = kinds.get(name, ("server", ""))
            yield kind, service, process

    async def pending_messages(self) -> list[tuple[str, str, int]]:
        """Return service, topic and count of the messages that the broker holds.

        Empty for brokers that the runner did not start, and for one that does not answer.
        """
        running = {replica.app.app_id for replica in self.replicas}
        counters = [each.pending_messages for each in self.servers if each.pending_messages]
        found = [each for count in counters for each in await count()]
        return [each for each in found if each[0] in running]

    def server_data(self, name: str) -> Path:
        """Return the data folder of a server that starts again without it.

        Raises RunnerError for others.
        """
        for server in self.servers:
            if server.name == name and server.data:
                return server.data
        raise RunnerError(f'"{name}" is not a server whose data can be deleted')

    def report(self) -> dict[str, Any]:
        """Return what `ps --json` prints. Takes some milliseconds."""
        gateway = f"http://127.0.0.1:{self.gateway_port}" if self.gateway_port else None
        pids = [process.pid for process in self._processes.values() if process.pid]
        view = report.SystemView(
            self._processes,
            self.servers,
            self._usage.measure(pids),
            Counter(replica.app.app_id for replica in self.replicas),
        )
        rows = [*self.servers, *([self._dashboard.server()] if self._dashboard else [])]
        return {
            "run_dir": str(self.plan.run.path),
            "components": self.set_name,
            "gateway": gateway,
            "services": [report.replica_row(replica, view) for replica in self.replicas],
            "infra": [report.server_row(each, view) for each in rows],
        }

    def internal_state(self) -> dict[str, Any]:
        """Return the state for other commands of the runner, including tokens."""
        missed = self.topology.missed_by(replica.app.app_id for replica in self.replicas)
        address = self._dashboard.address_with_token() if self._dashboard else None
        own: dict[str, Any] = {"observability": self._observability(), "dashboard": address}
        own |= {"tokens": report.replica_tokens(self.replicas), "infra_only": self.plan.infra_only}
        return self.report() | own | {"missed": missed}

    def _observability(self) -> dict[str, str]:
        """Return where Prometheus and Alertmanager are, with their login; empty without them."""
        monitoring = self._monitoring
        if monitoring is None:
            return {}
        addresses = {name: f"http://{monitoring.address(name)}" for name in NAMES}
        return {**addresses, "user": USER, "password": monitoring.password}


def _timeout_report(processes: Iterable[ManagedProcess]) -> str:
    late = [process for process in processes if process.state != "ready"]
    for process in late:
        process.cause = f"is not ready after {READY_TIMEOUT:.0f} s"
    return "\n".join(process.failure_report() for process in late)


def _describe_progress(processes: Sequence[ManagedProcess]) -> str:
    late = [process.spec.name for process in processes if not process.is_ready.is_set()]
    few = ", ".join(late[:6]) + (" and others" if len(late) > 6 else "")
    return f"{len(processes) - len(late)} of {len(processes)} are ready; waiting for {few}"


async def _wait_all(events: Iterable[asyncio.Event]) -> None:
    await asyncio.gather(*(event.wait() for event in events))
