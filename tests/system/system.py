"""One running system, through the one command that starts it and whatever else it can do."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import requests

from tests.system.checked_session import CheckedSession
from tests.system.users import ClientApplication, LoggedInUser
from tests.system.waiting import DEADLINE, wait_until
from tools.runner.config.paths import RunDir
from tools.runner.supervisor import control

REPO = Path(__file__).parents[2]

GENEROUS = {
    "MICROGRAM_LIMIT_USER": "1000000",
    "MICROGRAM_LIMIT_ADDRESS": "1000000",
    "MICROGRAM_LIMIT_MEDIA": "1000000",
    "MICROGRAM_LIMIT_LOGINS": "1000000",
    "MICROGRAM_LIMIT_TOKENS": "1000000",
    "MICROGRAM_LIMIT_REGISTRATIONS": "1000000",
    "MICROGRAM_LIMIT_APPS": "1000000",
    "MICROGRAM_LIMIT_REPORTS": "1000000",
    "MICROGRAM_LIMIT_WEBHOOKS": "1000000",
}
"""What the environment says so that no test runs into a limit that it does not ask for."""

WITH_GRPC = {"rabbitmq-redis"}
"""Component sets whose systems ask catalog for quotes by gRPC, so that tests run with both."""

_COMMAND_TIMEOUT = 300.0


@dataclass(frozen=True)
class ProcessRow:
    """One line of `ps`: a service with its sidecar, or a server (which has no sidecar)."""

    name: str
    app_id: str
    address: str
    app_port: int
    sidecar_port: int
    sidecar_grpc_port: int
    pid: int | None
    sidecar_pid: int | None
    state: str
    restarts: int
    sidecar_restarts: int

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> ProcessRow:
        """From a row of `ps --json`."""
        return cls(
            name=row["service"],
            app_id=row.get("app_id", ""),
            address=row["address"],
            app_port=row.get("app_port", 0),
            sidecar_port=row.get("sidecar_port", 0),
            sidecar_grpc_port=row.get("sidecar_grpc_port", 0),
            pid=row["pid"],
            sidecar_pid=row.get("sidecar_pid"),
            state=row["state"],
            restarts=row["restarts"],
            sidecar_restarts=row.get("sidecar_restarts", 0),
        )


@dataclass(frozen=True)
class ApiTokens:
    """What a service and its sidecar tell each other by."""

    sidecar: str
    app: str


class System:
    """A running system, known by its run directory."""

    def __init__(self, run_dir: Path, homes: Path, salt: str = "") -> None:
        self.run_dir = run_dir
        self.base = str(self._state()["gateway"])
        self.components = str(self._state()["components"])
        self._homes = homes
        self._salt = salt
        self._names = itertools.count(1)

    # ── people ──────────────────────────────────────────────────────────────────────────────

    @cached_property
    def app(self) -> ClientApplication:
        """The application that people log in with unless a test says otherwise."""
        return ClientApplication.register(self.base)

    def unique_name(self, word: str) -> str:
        """A name that nothing else in this system has: letters, digits and underscores."""
        return f"{word}{self._salt}_{next(self._names)}"

    def register(self, word: str) -> LoggedInUser:
        """Somebody new, logged in."""
        name = self.unique_name(word)
        return LoggedInUser.register(self.app, name, self._homes / name)

    def get(self, path: str, **given: Any) -> requests.Response:
        """One request as nobody in particular."""
        with CheckedSession() as session:
            return session.get(f"{self.base}{path}", timeout=60, **given)

    # ── processes ───────────────────────────────────────────────────────────────────────────

    def command(self, *arguments: str) -> str:
        """Run `./tye-like-run.sh` on this system, and return what it prints."""
        return run_command(self.run_dir, *arguments)

    def ps(self) -> dict[str, ProcessRow]:
        """Every service and server by name, as the runner tells it (a process of `ps` is dear)."""
        report = control.send_command(RunDir(self.run_dir), {"verb": "ps"})
        assert report is not None, f"no runner answers in {self.run_dir}"
        rows = [ProcessRow.from_json(row) for row in [*report["services"], *report["infra"]]]
        return {row.name: row for row in rows}

    def tokens(self, service: str) -> ApiTokens:
        """The tokens of a service and its sidecar."""
        found = self._state()["tokens"][service]
        return ApiTokens(found["sidecar"], found["app"])

    def kill(self, process: str) -> None:
        """Kill -9 one process: `posts`, its sidecar `posts.daprd`, or a server."""
        service, _, sidecar = process.partition(".daprd")
        row = self.ps()[service if process.endswith(".daprd") else process]
        pid = row.sidecar_pid if process.endswith(".daprd") else row.pid
        del sidecar
        if pid is not None:
            os.kill(pid, signal.SIGKILL)

    def stop(self, name: str) -> None:
        """Stop a service with its sidecar, one process, or a server."""
        self.command("stop", name)

    def start(self, name: str) -> None:
        """Start it again, and wait until it is ready."""
        self.command("start", name)

    def restart(self, name: str, *, empty: bool = False) -> None:
        """Restart it; a server, where asked for, without its data."""
        self.command("restart", name, *(["--empty"] if empty else []))

    def await_ready(self, deadline: float = DEADLINE) -> None:
        """Wait until every process is up, and the gateway serves what needs every service."""

        def ready() -> bool:
            late = [
                row.name for row in self.ps().values() if row.state not in ("ready", "external")
            ]
            assert not late, f"not ready: {late}"
            return self.get("/api/v1/timelines/public").ok

        wait_until(ready, deadline)

    def log(self, process: str) -> str:
        """Return the log of a process."""
        path = self.run_dir / "logs" / f"{process}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.run_dir / "state.json").read_text())
        return found


def run_command(run_dir: Path, *arguments: str, env: Mapping[str, str] | None = None) -> str:
    """Run `./tye-like-run.sh` on a run directory, and return what it prints."""
    verb, *rest = arguments
    done = subprocess.run(
        ["./tye-like-run.sh", "--run-dir", str(run_dir), verb, *rest],
        cwd=REPO,
        env={**os.environ, "COLUMNS": "400", **(env or {})},
        capture_output=True,
        text=True,
        timeout=_COMMAND_TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(arguments)}: {done.stderr or done.stdout}"
    return done.stdout


@contextmanager
def start_system(
    components: str,
    run_dir: Path,
    env: Mapping[str, str] | None = None,
    replicas: str = "",
    options: Sequence[str] = (),
    *,
    homes: Path | None = None,
    port: str = "0",
    dashboard: bool = False,
) -> Iterator[System]:
    """Start a whole system in a folder of its own, on free ports; stop it at the end.

    `homes` is where people keep their logins, `port` the gateway's.
    """
    grpc = {"MICROGRAM_GRPC": "1"} if components in WITH_GRPC else {}
    run_dir.mkdir(parents=True, exist_ok=True)
    options = [*options, "--components", components, "--port", port, "--detach"]
    options += ["--dashboard-port", "0"] if dashboard else ["--no-dashboard"]
    options += ["--replicas", replicas] if replicas else []
    try:
        run_command(run_dir, "up", *options, env={**GENEROUS, **grpc, **(env or {})})
        yield System(run_dir, homes or run_dir / "homes")
    finally:
        run_command(run_dir, "down")
