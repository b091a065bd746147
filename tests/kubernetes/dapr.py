"""Dapr in the cluster: its chart with our values, and the servers that admit and serve sidecars.

KWOK makes the pods of the chart ready. Sentry, the operator and the injector run as real processes
with what these pods say: options, rights, tokens and files. Placement and scheduler do not run.
"""

from __future__ import annotations

import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from tests.kubernetes import container
from tests.kubernetes.cluster import START_SECONDS, Cluster, free_ports, until
from tools.kubernetes import programs
from tools.kubernetes.files import FOLDER
from tools.kubernetes.settings import DAPR_NAMESPACE
from tools.runner.infra import toolchain

_IN = ("-n", DAPR_NAMESPACE)
_HOSTS = """\
127.0.0.1 localhost kubernetes.default.svc redis
{sentry} dapr-sentry.dapr-system.svc.cluster.local
{operator} dapr-api.dapr-system.svc.cluster.local
"""


class Dapr:
    """The servers of Dapr in a cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._injector: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Install the chart, and start the servers."""
        self._cluster.kubectl("create", "namespace", DAPR_NAMESPACE)
        self._cluster.kubectl("apply", "--validate=strict", "-f", "-", given=_chart())
        names = ("dapr-sentry", "dapr-operator", "dapr-sidecar-injector")
        for name in names:
            self._cluster.kubectl(*_IN, "rollout", "status", f"deployment/{name}", "--timeout=5m")
        self._name_services()
        self._start("dapr-sentry", toolchain.require_tool("sentry"), *self._at("dapr-sentry"))
        self._start("dapr-operator", programs.program("operator"), *self._at("dapr-operator"))
        self.start_injector()

    def start_injector(self) -> None:
        """Start the injector. It listens at the addresses of all its pods."""
        self._injector = self._start("dapr-sidecar-injector", programs.program("injector"))

    def stop_injector(self) -> None:
        """Stop the injector."""
        assert self._injector
        self._injector.terminate()
        self._injector.wait(30)

    def pod(self, name: str) -> container.Document:
        """Return a pod of one of the servers."""
        (found, *_) = self._cluster.get(*_IN, "pods", "-l", f"app={name}")["items"]
        pod: container.Document = found
        return pod

    def address(self, name: str) -> str:
        """Return the address at which one of the servers listens: that of its pod."""
        found: str = self.pod(name)["status"]["podIP"]
        return found

    def _at(self, name: str) -> tuple[str, ...]:
        """Return options by which a server listens where its pod does, at the Service's port."""
        return ("--listen-address", self.address(name), "--port", "443")

    def _start(self, name: str, program: Path, *options: str) -> subprocess.Popen[bytes]:
        (health,) = free_ports(1)
        own = ("--healthz-port", str(health), "--enable-metrics=false", *options)
        process = container.start(self._cluster, self.pod(name), name, program, *own)
        until(
            lambda: process.poll() is not None or _is_healthy(health),
            lambda: self._cluster.log(name),
            START_SECONDS,
        )
        assert process.poll() is None, self._cluster.log(name)
        return process

    def _name_services(self) -> None:
        """Let the names of Services be found, in the mounts of this test run."""
        names = {"sentry": "dapr-sentry", "operator": "dapr-operator"}
        found = {key: self.address(name) for key, name in names.items()}
        path = self._cluster.folder / "hosts"
        path.write_text(_HOSTS.format(**found))
        subprocess.run(["mount", "--bind", str(path), "/etc/hosts"], check=True)


def _chart() -> str:
    """Return the objects of Dapr's chart, with the values that docs/kubernetes.md names."""
    version = programs.dapr_version().removeprefix("v")
    command = [str(programs.program("helm")), "template", "dapr", str(programs.dapr_chart())]
    command += ["--namespace", DAPR_NAMESPACE, "--values", str(FOLDER / "dapr-values.yaml")]
    command += ["--set", f"global.tag={version}"]  # as the published chart of the version has it
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _is_healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
