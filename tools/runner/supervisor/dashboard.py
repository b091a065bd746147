"""The dashboard as a process of the system: its port, its address, and its receiver of spans."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from tools.dashboard.settings import DEFAULT_PORT, create_token, derived_token
from tools.runner.config.paths import REPO, RunDir
from tools.runner.config.start_plan import StartPlan
from tools.runner.config.tracing import Tracing
from tools.runner.http_client import http_probe
from tools.runner.infra.ports import is_free
from tools.runner.infra.servers import ManagedServer
from tools.runner.supervisor.process import ProcessSpec
from tools.runner.supervisor.replicas import base_env

NAME = "dashboard"


@dataclass(frozen=True)
class Dashboard:
    """The dashboard of one run directory."""

    run: RunDir
    port: int

    @classmethod
    def planned(cls, plan: StartPlan, free_ports: Iterator[int]) -> "Dashboard | None":
        """Return the dashboard of a start, or None for one without.

        It gets another port if the wanted one is taken: the start never fails for it.
        """
        if not plan.dashboard:
            return None
        wanted = plan.dashboard_port
        if wanted is None and plan.uses_manifest_ports:
            wanted = DEFAULT_PORT
        return cls(plan.run, wanted if wanted and is_free(wanted) else next(free_ports))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def address_with_token(self) -> str:
        """Return the address that opens the dashboard in the owner's browser."""
        return f"{self.address}/?token={create_token(self.run)}"

    def server(self) -> ManagedServer:
        """Return the dashboard as a server with its row in `ps`."""
        arguments = ("--run-dir", str(self.run.path), "--port", str(self.port))
        spec = ProcessSpec(
            name=NAME,
            argv=(sys.executable, "-m", "tools.dashboard", *arguments),
            cwd=REPO,
            env=base_env(self.run),
            probe=http_probe(self.port, "/healthz"),
        )
        return ManagedServer(NAME, self.address.removeprefix("http://"), spec)

    def tracing(self, ratio: float | None) -> Tracing | None:
        """Return where spans go, with a token that permits nothing else; every trace by default."""
        if ratio == 0:
            return None
        token = derived_token(create_token(self.run), "otlp")
        ratio = 1.0 if ratio is None else ratio
        return Tracing(self.address, ratio, {"authorization": f"Bearer {token}"})
