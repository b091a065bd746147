"""A cluster on loopback: etcd, API server, controllers, scheduler, and nodes of KWOK.

Nodes pretend to run pods; all else is real. Everything is in one folder and ends with the test.
Addresses of pods are those of this machine, so that the API server reaches what a test runs in
the place of a pod (`tests/kubernetes/network.py`).
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.kubernetes import operators
from tests.kubernetes.network import API_ADDRESS, PODS, SERVICES
from tools.kubernetes import programs
from tools.kubernetes.files import FOLDER

START_SECONDS = 120.0
_TOKEN = "administrator"
_NODES = 3


class KubectlResult(NamedTuple):
    """What kubectl said."""

    code: int
    text: str


class Cluster:
    """A running cluster, by kubectl as its administrator."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.processes: list[subprocess.Popen[bytes]] = []
        self._config = folder / "kubeconfig"
        self._config.write_text(yaml.safe_dump(_kubeconfig(port)))

    def start(
        self, name: str, *command: str, env: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a process that ends with the cluster, with its output in a file of that name."""
        with (self.folder / f"{name}.log").open("ab") as log:
            whole = os.environ | {"HOME": str(self.folder)} | (env or {})
            found = subprocess.Popen(command, cwd=self.folder, env=whole, stdout=log, stderr=log)
        self.processes.append(found)
        return found

    def stop(self) -> None:
        """Stop all processes, the last one first."""
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def log(self, name: str) -> str:
        """Return the last output of a process."""
        return (self.folder / f"{name}.log").read_text()[-4000:]

    def try_kubectl(self, *arguments: str, given: str = "") -> KubectlResult:
        """Run kubectl, and return its exit code and all that it printed."""
        command = ["kubectl", "--kubeconfig", str(self._config), *arguments]
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
        return KubectlResult(done.returncode, done.stdout + done.stderr)

    def kubectl(self, *arguments: str, given: str = "") -> str:
        """Run kubectl, and return what it printed; fails where it does."""
        code, text = self.try_kubectl(*arguments, given=given)
        assert code == 0, f"kubectl {' '.join(arguments)}: {text}"
        return text

    def get(self, *arguments: str) -> Any:
        """Return what `kubectl get` gives as JSON."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def raw(self, path: str) -> Any:
        """Return what the API server answers at a path."""
        return json.loads(self.kubectl("get", "--raw", path))

    def apply_overlay(self, name: str) -> str:
        """Apply an overlay with strict validation, and return what kubectl printed."""
        folder = str(FOLDER / "overlays" / name)
        return self.kubectl("apply", "--validate=strict", "-k", folder)


def until(condition: Callable[[], object], what: Callable[[], str] | str, seconds: float) -> None:
    """Wait for a condition; fails with `what` after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what if isinstance(what, str) else what()
        time.sleep(0.2)


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """Start a cluster in a folder, with the resource definitions that overlays need."""
    client, peer, api, controllers, scheduler, kwok = free_ports(6)
    cluster = Cluster(folder, api)
    try:
        _start(cluster, client, peer, controllers, scheduler, kwok)
        _define(cluster)
        yield cluster
    finally:
        cluster.stop()


def _start(
    cluster: Cluster, client: int, peer: int, controllers: int, scheduler: int, kwok: int
) -> None:
    key = _service_account_key(cluster.folder)
    (cluster.folder / "tokens.csv").write_text(f'{_TOKEN},administrator,1,"system:masters"\n')

    def run(name: str, *options: str) -> None:
        cluster.start(name, str(programs.program(name)), *options)

    etcd, loopback = f"http://127.0.0.1:{client}", "--bind-address=127.0.0.1"
    run(
        "etcd",
        f"--listen-client-urls={etcd}",
        f"--advertise-client-urls={etcd}",
        f"--listen-peer-urls=http://127.0.0.1:{peer}",
        "--data-dir=etcd",
        "--log-level=error",
    )
    run(
        "kube-apiserver",
        loopback,
        f"--secure-port={cluster.port}",
        f"--advertise-address={API_ADDRESS}",
        "--enable-aggregator-routing",  # webhooks are asked at the address of a pod
        f"--etcd-servers={etcd}",
        "--cert-dir=api",
        "--token-auth-file=tokens.csv",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        f"--service-cluster-ip-range={SERVICES}",
    )
    until(
        lambda: cluster.try_kubectl("get", "--raw", "/readyz").code == 0,
        lambda: cluster.log("kube-apiserver"),
        START_SECONDS,
    )
    common = (loopback, "--kubeconfig=kubeconfig", "--leader-elect=false")
    run(
        "kube-controller-manager",
        *common,
        f"--secure-port={controllers}",
        "--cert-dir=controllers",
        f"--service-account-private-key-file={key}",
        "--root-ca-file=api/apiserver.crt",
        # KWOK's nodes do not fail, however long this machine lets them wait.
        "--node-monitor-grace-period=1h",
    )
    run("kube-scheduler", *common, f"--secure-port={scheduler}", "--cert-dir=scheduler")
    run(
        "kwok",
        "--kubeconfig=kubeconfig",
        "--manage-all-nodes=true",
        f"--cidr={PODS}",
        f"--server-address=127.0.0.1:{kwok}",
        *(f"--config={path}" for path in programs.kwok_stages()),
    )


def free_ports(count: int) -> Sequence[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _service_account_key(folder: Path) -> Path:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path = folder / "accounts.key"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    return path


def _kubeconfig(port: int) -> dict[str, Any]:
    server = {"server": f"https://127.0.0.1:{port}", "insecure-skip-tls-verify": True}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": server}],
        "users": [{"name": "administrator", "user": {"token": _TOKEN}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "administrator"}}],
        "current-context": "test",
    }


def _define(cluster: Cluster) -> None:
    for folder in (programs.dapr_definitions(), programs.keda_definitions()):
        cluster.kubectl("apply", "--server-side", "-f", str(folder))
    documents = operators.definitions()
    documents += [_node(number) for number in range(_NODES)]
    documents += [_volume(number) for number in range(16)]
    text = yaml.safe_dump_all(documents)
    cluster.kubectl("apply", "-f", "-", given=text)
    wanted = "--for=condition=Established"
    cluster.kubectl("wait", wanted, "--timeout=60s", "customresourcedefinitions", "--all")


def _node(number: int) -> dict[str, Any]:
    labels = {"kubernetes.io/hostname": f"node-{number}", "kubernetes.io/os": "linux"}
    labels |= {"topology.kubernetes.io/zone": f"zone-{number}"}
    room = {"cpu": "16", "memory": "64Gi", "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": f"node-{number}", "labels": labels},
        "status": {"capacity": room, "allocatable": room},
    }


def _volume(number: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"volume-{number}"},
        "spec": {
            "capacity": {"storage": "100Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": f"/volumes/{number}"},
        },
    }
