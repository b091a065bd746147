"""The whole system of one run directory: started in order, watched, stopped in order."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.runner import infra, ports, toolchain
from tools.runner.components import render_config, render_set
from tools.runner.errors import RunnerError, StartFailedError
from tools.runner.logs import Echo
from tools.runner.manifest import App, read_manifest
from tools.runner.paths import REPO, RunDir
from tools.runner.process import Process, Spec
from tools.runner.secrets import Secrets
from tools.runner.topology import Topology, read_topology
from tools.runner.units import Setting, Unit, app_spec, make_unit, sidecar_spec

_PATIENCE = 60.0
"""Seconds after which a start that is neither done nor failed is given up."""


@dataclass(frozen=True)
class Plan:
    """What was asked for on the command line."""

    run: RunDir
    manifest: Path = REPO / "dapr.yaml"
    components: str | None = None
    only: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    replicas: Mapping[str, int] = field(default_factory=dict)
    port: int = 8080
    infra_only: bool = False

    def chosen(self, apps: Sequence[App]) -> list[App]:
        """Return the apps to start.

        Raises RunnerError for a name that the manifest does not have.
        """
        known = {app.app_id for app in apps}
        for name in sorted((self.only | self.without | set(self.replicas)) - known):
            raise RunnerError(f'there is no app "{name}" (known: {", ".join(sorted(known))})')
        return [
            app
            for app in apps
            if not self.infra_only
            and (not self.only or app.app_id in self.only)
            and app.app_id not in self.without
        ]


class System:
    """Starts, restarts and stops everything that one plan names."""

    def __init__(self, plan: Plan, echo: Echo | None = None) -> None:
        self.plan = plan
        self.topology: Topology = read_topology()
        self.set_name = plan.components or self.topology.default_set
        self.gateway: str | None = None
        self.units: list[Unit] = []
        self.servers: list[infra.Server] = []
        self._echo = echo
        self._processes: dict[str, Process] = {}
        self._ports = ports.free_ports()

    async def start(self) -> None:
        """Start everything, and return when all of it is ready.

        Raises StartFailedError when a process dies or is not ready in time.
        """
        everything = read_manifest(self.plan.manifest)
        apps = self.plan.chosen(everything)
        names = self.topology.servers(self.set_name)
        self.plan.run.create()
        (self.plan.run.path / "names.db").unlink(missing_ok=True)
        self.servers = [infra.set_up(name, self._need(everything)) for name in names]
        self._launch(each.spec for each in self.servers if each.spec)
        setting = self._setting(apps)
        self.units = [unit for app in apps for unit in self._units_of(app)]
        self._launch(app_spec(unit, setting) for unit in self.units)
        await self._servers_ready()
        self._launch(sidecar_spec(unit, setting) for unit in self.units)
        await self._all_ready(self._processes.values())
        for process in self._processes.values():
            process.forgive()

    def _need(self, apps: Sequence[App]) -> infra.Need:
        secrets = Secrets(self.plan.run.secrets)
        secrets.complete()
        dead = tuple(f"{app.app_id}-dead" for app in apps)
        return infra.Need(
            run=self.plan.run,
            secrets=secrets,
            ports=self._ports,
            tool=toolchain.tool,
            topics=self.topology.topics + dead,
            standard_ports=self.plan.infra_only,
        )

    def _setting(self, apps: Sequence[App]) -> Setting:
        gateway_port = self._gateway_port(apps)
        overrides = {key: value for each in self.servers for key, value in each.overrides.items()}
        config = apps[0].config_file if apps else None
        return Setting(
            run=self.plan.run,
            daprd=toolchain.tool("daprd"),
            resources=render_set(self.set_name, self.plan.run, overrides),
            config=render_config(config or REPO / "deploy/local/config.yaml", self.plan.run),
            public_url=f"http://127.0.0.1:{gateway_port}",
        )

    def _gateway_port(self, apps: Sequence[App]) -> int:
        port = ports.claim(self.plan.port) if self.plan.port else next(self._ports)
        if any(app.app_id == self.topology.gateway for app in apps):
            self.gateway = f"http://127.0.0.1:{port}"
        return port

    def _units_of(self, app: App) -> Iterator[Unit]:
        count = self.plan.replicas.get(app.app_id, self.topology.replicas.get(app.app_id, 1))
        for replica in range(count):
            public = app.app_id == self.topology.gateway and replica == 0 and self.gateway
            port = int(self.gateway.rpartition(":")[2]) if public else next(self._ports)
            yield make_unit(app, replica, port, self._ports)

    def _launch(self, specs: Iterable[Spec]) -> None:
        for spec in specs:
            process = Process(spec, self.plan.run.logs, self._echo)
            self._processes[spec.name] = process
            process.start()

    async def _servers_ready(self) -> None:
        await self._all_ready(self._processes[each.name] for each in self.servers if each.spec)
        for server in self.servers:
            if server.keeper:
                server.keeper.start()
                await asyncio.wait_for(server.keeper.ready.wait(), 15)

    async def _all_ready(self, awaited: Iterable[Process]) -> None:
        """Wait for some processes, and give up as soon as any process at all has died."""
        deaths = {asyncio.ensure_future(p.died.wait()): p for p in self._processes.values()}
        ready = asyncio.gather(*(process.ready() for process in awaited))
        try:
            done, _ = await asyncio.wait(
                [ready, *deaths], timeout=_PATIENCE, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done & deaths.keys():
                raise StartFailedError(deaths[task].obituary())
            if not done:
                raise StartFailedError(self._late())
        finally:
            ready.cancel()
            for task in deaths:
                task.cancel()

    def _late(self) -> str:
        late = [process for process in self._processes.values() if process.state != "ready"]
        for process in late:
            process.cause = f"is not ready after {_PATIENCE:.0f} s"
        return "\n".join(process.obituary() for process in late)

    async def stop(self) -> None:
        """Stop all: applications, then sidecars, then servers."""
        apps = {unit.name for unit in self.units}
        sidecars = {unit.sidecar_name for unit in self.units}
        await self._stop_named(lambda name: name in apps)
        await self._stop_named(lambda name: name in sidecars)
        for server in self.servers:
            if server.keeper:
                await server.keeper.stop()
        await self._stop_named(lambda _: True)

    async def _stop_named(self, belongs: Callable[[str], bool]) -> None:
        chosen = [process for name, process in self._processes.items() if belongs(name)]
        await asyncio.gather(*(process.stop() for process in chosen))

    def named(self, name: str) -> list[Process]:
        """Return the processes that a person means by a name, applications first.

        `posts`: the service, its replicas and their sidecars; `posts.daprd`: that process;
        `nats`: that server. Raises RunnerError for any other name.
        """
        if name in self._processes and not any(unit.app.app_id == name for unit in self.units):
            return [self._processes[name]]
        units = [unit for unit in self.units if unit.app.app_id == name]
        found = [self._processes[unit.name] for unit in units]
        found += [self._processes[unit.sidecar_name] for unit in units]
        if not found:
            raise RunnerError(f'nothing is called "{name}" ({", ".join(self._processes)})')
        return found

    async def stop_some(self, name: str) -> None:
        """Stop what the name means, until it is started again."""
        for process in self.named(name):
            await process.stop()

    async def start_some(self, name: str) -> None:
        """Start what the name means, and wait until it is ready."""
        chosen = self.named(name)
        for process in chosen:
            process.start()
        async with asyncio.timeout(_PATIENCE):
            await asyncio.gather(*(process.ready() for process in chosen))

    def server_data(self, name: str) -> Path:
        """Return where a server that we run keeps its data."""
        for server in self.servers:
            if server.name == name and server.data:
                return server.data
        raise RunnerError(f'"{name}" is not a server of ours')

    def report(self) -> dict[str, Any]:
        """Return what `ps --json` prints."""
        return {
            "run_dir": str(self.plan.run.path),
            "components": self.set_name,
            "gateway": self.gateway,
            "services": [self._unit_row(unit) for unit in self.units],
            "infra": [self._server_row(server) for server in self.servers],
        }

    def _unit_row(self, unit: Unit) -> dict[str, Any]:
        app, sidecar = self._processes.get(unit.name), self._processes.get(unit.sidecar_name)
        states = [process.state if process else "stopped" for process in (app, sidecar)]
        return {
            "service": unit.name,
            "app_id": unit.app.app_id,
            "address": f"http://127.0.0.1:{unit.app_port}",
            "app_port": unit.app_port,
            "sidecar_port": unit.http_port,
            "sidecar_grpc_port": unit.grpc_port,
            "pid": app.pid if app else None,
            "sidecar_pid": sidecar.pid if sidecar else None,
            "state": _worse(states),
            "restarts": app.restarts if app else 0,
            "sidecar_restarts": sidecar.restarts if sidecar else 0,
        }

    def _server_row(self, server: infra.Server) -> dict[str, Any]:
        process = self._processes.get(server.name)
        return {
            "service": server.name,
            "address": server.address,
            "pid": process.pid if process else None,
            "state": process.state if process else "external",
            "restarts": process.restarts if process else 0,
        }

    def private_state(self) -> dict[str, Any]:
        """Return what other commands of the runner need to know, tokens included."""
        tokens = {
            unit.name: {"sidecar": unit.sidecar_token, "app": unit.app_token} for unit in self.units
        }
        own = {"tokens": tokens, "written": time.time(), "infra_only": self.plan.infra_only}
        return self.report() | own


_WORST_FIRST = ("failed", "backoff", "stopped", "starting", "ready")


def _worse(states: Sequence[str]) -> str:
    return min(states, key=_WORST_FIRST.index)
