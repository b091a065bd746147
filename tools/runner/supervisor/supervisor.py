"""Supervises the processes of one run directory: ordered start, restarts, ordered stop."""

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from services.chassis.security.access_rules import METRICS_SECRET, OPERATOR_SECRET
from tools.runner.config.components import Document, SetRenderer, load_set, render_configs
from tools.runner.config.environment_secrets import environment_secrets
from tools.runner.config.manifest import ManifestApp, read_manifest
from tools.runner.config.monitoring_settings import MonitoringSettings
from tools.runner.config.secrets import SecretsFile, create_token, read_or_create_token
from tools.runner.config.start_plan import StartPlan
from tools.runner.config.topology import read_topology
from tools.runner.config.tracing import ENDPOINT, TRACING_MODULES, Tracing, tracing_of
from tools.runner.errors import RunnerError, StartFailedError
from tools.runner.http_client import request
from tools.runner.infra import component_types, ports, servers, toolchain
from tools.runner.infra.guests import with_guests
from tools.runner.infra.identities import Identities
from tools.runner.infra.monitoring import NAMES, USER, Monitoring
from tools.runner.infra.name_registry import NameRegistry
from tools.runner.output.logs import Echo
from tools.runner.supervisor import dashboard, report
from tools.runner.supervisor.background import BackgroundTasks
from tools.runner.supervisor.exporter import RunnerExporter
from tools.runner.supervisor.forking import ForkServer
from tools.runner.supervisor.process import ManagedProcess
from tools.runner.supervisor.process_table import READY_TIMEOUT, ProcessTable, all_ready
from tools.runner.supervisor.replica_group import ReplicaGroup
from tools.runner.supervisor.replicas import RunSettings, base_env
from tools.runner.supervisor.server_group import ServerGroup
from tools.runner.supervisor.usage import UsageMeter

_NOT_RUNNING = ("stopped", "draining", "failed")

_CALL_TIME = 1.2
"""Seconds for which a sidecar that is to restart may finish its calls."""


class Supervisor:
    """Starts, restarts and stops everything that one plan names."""

    def __init__(self, plan: StartPlan, echo: Echo | None = None) -> None:
        self.plan = plan
        self.access = plan.rules()
        self.topology = read_topology(self.access)
        self.set_name = plan.components or self.topology.default_set
        self.is_started = False
        self.names = NameRegistry(plan.run.path / "names.db")
        self.on_replicas_changed: Callable[[], object] = lambda: None
        self._usage = UsageMeter()
        self._ports = ports.free_ports()
        self._tasks = BackgroundTasks()
        has_mtls = plan.mtls and not plan.infra_only
        self._identities = Identities(plan.run) if has_mtls else None
        self._dashboard = dashboard.Dashboard.planned(plan, self._ports)
        self._tracing = self._choose_tracing()
        self._monitoring = self._create_monitoring() if plan.observe else None
        self._exporter: RunnerExporter | None = None
        shared = self.topology.shared_modules + (TRACING_MODULES if self._tracing else ())
        self._fork_server = ForkServer(
            shared, base_env(plan.run), plan.run.logs / "fork-server.log"
        )
        self._processes = ProcessTable(plan.run.logs, self._fork_server, echo)
        self.servers = ServerGroup(
            self._processes,
            self._server_context,
            lambda: self._tasks.spawn(self._restart_sidecars()),
        )
        self.replicas = ReplicaGroup(
            plan,
            self.topology,
            self._ports,
            self._processes,
            lambda app_id: self._tasks.spawn(self.servers.redeliver(app_id)),
        )

    # ── start and stop ──────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Start everything, and return when all processes are ready.

        Raises StartFailedError when a process dies or is not ready in time.
        """
        everything = with_guests(read_manifest(self.plan.manifest), self.plan.guests)
        apps = self.plan.select_apps(everything)
        documents = load_set(self.set_name, everything[0].resources)
        self._prepare_run_dir()
        self._launch_dashboard()
        self.servers.set_up(self._server_names(everything, documents), documents)
        if apps:
            await self._start_services(apps, documents)
        else:
            await self.servers.start(self.servers.running)
        if self._monitoring:
            await self._start_monitoring(self._monitoring)
        await self._processes.wait_until_ready(self._essential_processes())
        await self._check_gateway()
        self._processes.end_start()
        self.servers.watch()
        self.replicas.watch(self.replicas.running)
        self.is_started = True

    def _server_names(
        self, everything: Sequence[ManifestApp], documents: Sequence[Document]
    ) -> tuple[str, ...]:
        sentry = (servers.SENTRY,) if self._identities else ()
        served = self.plan.served_apps(everything)
        workflows = self.topology.control_plane(app.app_id for app in served)
        return (*sentry, *servers.needed_servers(documents), *workflows)

    async def _start_services(
        self, apps: Sequence[ManifestApp], documents: Sequence[Document]
    ) -> None:
        """Start services, and each sidecar once the servers that it connects to are ready."""
        self.replicas.settings = self._run_settings(apps, documents)
        self.replicas.create_all(apps)
        self.servers.launch([*self.servers.others, *self.servers.etcd])
        self.replicas.launch_apps()
        await self.servers.wait_until_ready(self.servers.others)
        self.replicas.launch_sidecars(of_workflows=False)
        await self.servers.wait_until_ready(self.servers.etcd)
        await self.servers.start(self.servers.control_plane)
        self.replicas.launch_sidecars(of_workflows=True)

    def _prepare_run_dir(self) -> None:
        self.plan.run.create()
        for name in ("names.db", "names.db-wal", "names.db-shm"):
            (self.plan.run.path / name).unlink(missing_ok=True)
        if self._identities:
            self._identities.create()
            self._tasks.spawn(self._identities.keep_fresh())

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

    def _run_settings(
        self, apps: Sequence[ManifestApp], documents: Sequence[Document]
    ) -> RunSettings:
        port = self.replicas.listen(apps)
        daprd = component_types.choose_daprd(self.set_name, documents)
        return RunSettings(
            run=self.plan.run,
            daprd=toolchain.require_tool(daprd),
            resources=self.renderer().write_set(documents),
            configs=render_configs(
                apps,
                self.plan.run,
                self.access,
                has_mtls=bool(self._identities),
                tracing=self._tracing,
                has_metrics=self.plan.observe,
            ),
            public_url=os.environ.get("MICROGRAM_PUBLIC_URL") or f"http://127.0.0.1:{port}",
            control_plane={each.name: each.address for each in self.servers.control_plane},
            workflows=self.topology.workflows,
            listener=self.replicas.listener,
            identities=self._identities,
            tracing=self._tracing,
            secrets=self._environment_secrets,
        )

    def _environment_secrets(self, app_id: str) -> dict[str, str]:
        run = self.plan.run
        return environment_secrets(
            run.components / app_id, self.access[app_id], SecretsFile(run.secrets).all()
        )

    def renderer(self) -> SetRenderer:
        """Return what writes component files, with the addresses and logins of the servers."""
        overrides, logins = self.servers.overrides(), self.servers.logins()
        return SetRenderer(self.plan.run, self.access, overrides, logins)

    def _essential_processes(self) -> list[str]:
        """Return the processes that a start waits for."""
        return [name for name in self._processes if name != dashboard.NAME]

    async def _check_gateway(self) -> None:
        """Send a first request through the gateway."""
        port = self.replicas.gateway_port
        if port:
            try:
                status, _ = await request(port, "/healthz", seconds=READY_TIMEOUT)
            except (OSError, TimeoutError) as error:
                raise StartFailedError(
                    f"the gateway does not answer on its public port {port} "
                    f"({error or 'time-out'}): see {self.plan.run.logs / 'gateway.log'}"
                ) from error
            if status != 200:
                raise StartFailedError(f"the gateway answers {status} to /healthz")

    async def stop(self) -> None:
        """Stop applications, then sidecars, then servers."""
        self._tasks.cancel()
        if self._exporter:
            await self._exporter.stop()
        await self.replicas.stop()
        await self.servers.stop_jetstream()
        await self._processes.stop(self._processes)
        await self._fork_server.close()
        self.replicas.close()

    async def _restart_sidecars(self) -> None:
        """Restart all sidecars at once; calls that have begun have a moment to end."""
        running = [
            (replica, process)
            for replica in self.replicas.running
            if (process := self._processes[replica.sidecar_name]).state not in _NOT_RUNNING
        ]
        for replica, _ in running:
            await self.names.hide(replica.internal_address)
        await asyncio.gather(*(process.stop(_CALL_TIME) for _, process in running))
        for replica, process in running:
            is_wanted = replica in self.replicas.running  # else it was scaled down meanwhile
            if is_wanted and process.state == "stopped":
                process.start()

    # ── what watches the others ─────────────────────────────────────────────────────────────

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
            self._processes.add(process)

    def _create_monitoring(self) -> Monitoring:
        settings = MonitoringSettings.from_environment(os.environ)
        return Monitoring(self.plan.run, self._ports, settings)

    async def _start_monitoring(self, monitoring: Monitoring) -> None:
        """Start what watches the others; nothing waits for it but the end of the start."""
        self._exporter = RunnerExporter(self, read_or_create_token(self.plan.run.metrics_token))
        await self._exporter.start(monitoring.exporter_port)
        monitoring.write_targets(self.replicas.running)
        watching = monitoring.servers()
        self.servers.running += watching
        self.servers.launch(watching)

    def replicas_changed(self) -> None:
        """Tell those who need to know that there are other replicas."""
        if self._monitoring:
            self._monitoring.write_targets(self.replicas.running)
        self.on_replicas_changed()

    # ── what commands ask for ───────────────────────────────────────────────────────────────

    def find_processes(self, name: str) -> list[ManagedProcess]:
        """Return the processes of a name, applications first.

        `posts` is the service with its replicas and their sidecars, `posts.daprd` one process,
        `nats` a server. Raises RunnerError for any other name.
        """
        replicas = [replica for replica in self.replicas.running if replica.app.app_id == name]
        names = [replica.name for replica in replicas]
        names += [replica.sidecar_name for replica in replicas]
        found = [self._processes[each] for each in names or [name] if each in self._processes]
        if not found:
            raise RunnerError(f'no process is named "{name}" (known: {", ".join(self._processes)})')
        return found

    async def stop_named(self, name: str) -> None:
        """Stop the processes of a name until `start_named`."""
        stopped = self.find_processes(name)
        for process in stopped:
            await process.stop()
        for replica in self.replicas.running:
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
            await all_ready(chosen)

    def processes(self) -> Iterator[tuple[str, str, ManagedProcess]]:
        """Yield kind (service, sidecar or server), service (of both of its kinds) and process."""
        running = self.replicas.running
        kinds = {replica.name: ("service", replica.app.app_id) for replica in running}
        kinds |= {replica.sidecar_name: ("sidecar", replica.app.app_id) for replica in running}
        for name, process in self._processes.items():
            kind, service = kinds.get(name, ("server", ""))
            yield kind, service, process

    def report(self) -> dict[str, Any]:
        """Return what `ps --json` prints. Takes some milliseconds."""
        port = self.replicas.gateway_port
        pids = [process.pid for process in self._processes.values() if process.pid]
        view = report.SystemView(
            self._processes,
            self.servers.running,
            self._usage.measure(pids),
            self.replicas.counts(),
        )
        rows = [*self.servers.running, *([self._dashboard.server()] if self._dashboard else [])]
        return {
            "run_dir": str(self.plan.run.path),
            "components": self.set_name,
            "gateway": f"http://127.0.0.1:{port}" if port else None,
            "services": [report.replica_row(each, view) for each in self.replicas.running],
            "infra": [report.server_row(each, view) for each in rows],
        }

    def internal_state(self) -> dict[str, Any]:
        """Return the state for other commands of the runner, including tokens."""
        return self.report() | {
            "observability": self._observability(),
            "dashboard": self._dashboard.address_with_token() if self._dashboard else None,
            "tokens": report.replica_tokens(self.replicas.running),
            "infra_only": self.plan.infra_only,
            "missed": self.topology.missed_by(self.replicas.counts()),
        }

    def _observability(self) -> dict[str, str]:
        """Return where Prometheus and Alertmanager are, with their login; empty without them."""
        monitoring = self._monitoring
        if monitoring is None:
            return {}
        addresses = {name: f"http://{monitoring.address(name)}" for name in NAMES}
        return {**addresses, "user": USER, "password": monitoring.password}
