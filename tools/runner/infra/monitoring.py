"""Prometheus and Alertmanager beside a system, with the rules of deploy/observability.

Everything that they write is below the run directory. Both require a login. Prometheus keeps at
most 15 days and 512 MB.
"""

import base64
import json
import shutil
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from string import Template
from typing import Any

from tools.runner.config.monitoring_settings import SOURCES, MonitoringSettings, write_rules
from tools.runner.config.paths import RunDir, write_private
from tools.runner.config.secrets import read_or_create_token
from tools.runner.errors import RunnerError
from tools.runner.http_client import http_probe
from tools.runner.infra import debian, trust
from tools.runner.infra.servers import ManagedServer
from tools.runner.supervisor.process import ProcessSpec
from tools.runner.supervisor.replicas import ServiceReplica, base_env

PROMETHEUS = "prometheus"
ALERTMANAGER = "alertmanager"
USER = "microgram"

_DEBIAN_NAMES = {PROMETHEUS: "prometheus", ALERTMANAGER: "prometheus-alertmanager"}
"""Debian's names of the packages, and of the programs in them."""

NAMES = tuple(_DEBIAN_NAMES)


def require_programs() -> None:
    """Install Debian's packages of both where they are missing, if possible.

    Raises RunnerError that says what to install.
    """
    for name in NAMES:
        _require_program(name)


def find_program(name: str) -> str | None:
    """Return the path of Prometheus or Alertmanager, or None where it is not installed.

    Raises RunnerError for one that others can write to.
    """
    path = shutil.which(name) or shutil.which(_DEBIAN_NAMES[name])
    return str(trust.require_trusted(Path(path))) if path else None


def _require_program(name: str) -> str:
    package = _DEBIAN_NAMES[name]
    if find_program(name) is None and debian.can_install():
        debian.install(package)
    if path := find_program(name):
        return path
    raise RunnerError(
        f"--observe needs {name}, which is not on PATH. Install it: `sudo apt install "
        f"--no-install-recommends {package}` on Debian and Ubuntu, `brew install {name}` on macOS"
    )


class Monitoring:
    """Describes how to run Prometheus and Alertmanager, and tells Prometheus what to scrape."""

    def __init__(self, run: RunDir, ports: Iterator[int], settings: MonitoringSettings) -> None:
        self._run = run
        self._settings = settings
        self._ports = {name: next(ports) for name in NAMES}
        self.exporter_port = next(ports)
        """The port of the runner's own metrics."""

    @cached_property
    def password(self) -> str:
        """The password of `USER` for both, kept in the run directory."""
        return read_or_create_token(self._run.path / "observe-password")

    def address(self, name: str) -> str:
        """Return host and port of one of the two."""
        return f"127.0.0.1:{self._ports[name]}"

    def servers(self) -> list[ManagedServer]:
        """Write all configuration; return how to run both."""
        values = {
            "interval": f"{self._settings.interval}s",
            "group_interval": "5m" if self._settings.longest_for is None else "1s",
            "user": USER,
            "webhooks": json.dumps(self._webhooks()),
            **{name: self.address(name) for name in NAMES},
        }
        for name in NAMES:
            folder = self._run.path / name
            folder.mkdir(exist_ok=True, mode=0o700)
            template = Template((SOURCES / f"{name}.yaml").read_text())
            write_private(folder / f"{name}.yaml", template.substitute(values))
            write_private(folder / "web.yaml", self._logins())
        write_rules(self._run.path / PROMETHEUS / "rules", self._settings.longest_for)
        return [
            self._server(
                PROMETHEUS,
                f"--storage.tsdb.path={self._run.path / PROMETHEUS / 'data'}",
                "--storage.tsdb.retention.time=15d",
                "--storage.tsdb.retention.size=512MB",
                "--query.max-samples=5000000",
                "--web.max-connections=64",
            ),
            self._server(
                ALERTMANAGER,
                f"--storage.path={self._run.path / ALERTMANAGER / 'data'}",
                "--data.retention=120h",
                "--cluster.listen-address=",  # one of it: no port for others
            ),
        ]

    def _webhooks(self) -> list[dict[str, Any]]:
        url = self._settings.webhook
        return [{"url": url, "send_resolved": True, "max_alerts": 100}] if url else []

    def _logins(self) -> str:
        import bcrypt  # only here: other commands of the runner start without it

        hashed = bcrypt.hashpw(self.password.encode(), bcrypt.gensalt(10)).decode()
        return json.dumps({"basic_auth_users": {USER: hashed}})

    def _server(self, name: str, *own: str) -> ManagedServer:
        folder, address = self._run.path / name, self.address(name)
        argv = (
            _require_program(name),
            f"--config.file={folder / name}.yaml",
            f"--web.config.file={folder / 'web.yaml'}",
            f"--web.listen-address={address}",
            f"--web.external-url=http://{address}",
            "--log.level=warn",
            *own,
        )
        headers = login_header(self.password)
        probe = http_probe(self._ports[name], "/-/ready", headers)
        spec = ProcessSpec(name, argv, folder, base_env(self._run), probe, stop_timeout=5.0)
        return ManagedServer(name, address, spec, data=folder / "data")

    def write_targets(self, replicas: Sequence[ServiceReplica]) -> None:
        """Tell Prometheus which replicas there are; it follows the files without a restart."""
        folder = self._run.path / PROMETHEUS / "targets"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        targets = {
            "services": [_target(each.app_port, each.app.app_id, each.name) for each in replicas],
            "sidecars": [
                _target(each.metrics_port, each.app.app_id, each.sidecar_name)
                for each in replicas
                if each.metrics_port
            ],
            "runner": [_target(self.exporter_port, "", "runner")],
        }
        for job, found in targets.items():
            write_private(folder / f"{job}.json", json.dumps(found, indent=2))


def _target(port: int, service: str, instance: str) -> dict[str, Any]:
    labels = {"instance": instance} | ({"service": service} if service else {})
    return {"targets": [f"127.0.0.1:{port}"], "labels": labels}


def login_header(password: str) -> dict[str, str]:
    """Return the header by which Prometheus and Alertmanager know the operator."""
    return {"Authorization": f"Basic {base64.b64encode(f'{USER}:{password}'.encode()).decode()}"}
