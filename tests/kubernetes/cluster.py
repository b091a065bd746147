"""A cluster on loopback: etcd, API server, controllers, scheduler, and nodes of KWOK.

Nodes pretend to run pods; all else is real. Everything is in one folder and ends with the test.
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

from tools.kubernetes import programs
from tools.kubernetes.files import FOLDER

_START_SECONDS = 120.0
_TOKEN = "administrator"
_NODES = 3


class KubectlResult(NamedTuple):
    """What kubectl said."""

    code: int
    text: str


class Cluster:
    """A running cluster, by kubectl as its administrator."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._config = folder / "kubeconfig"

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
    processes: list[subprocess.Popen[bytes]] = []
    try:
        cluster = _start(folder, processes)
        _define(cluster)
        yield cluster
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _start(folder: Path, processes: list[subprocess.Popen[bytes]]) -> Cluster:
    client, peer, api, controllers, scheduler, kwok = _free_ports(6)
    key = _service_account_key(folder)
    (folder / "tokens.csv").write_text(f'{_TOKEN},administrator,1,"system:masters"\n')
    (folder / "kubeconfig").write_text(yaml.safe_dump(_kubeconfig(api)))

    def run(name: str, *options: str) -> None:
        with (folder / f"{name}.log").open("w") as log:
            command = [str(programs.program(name)), *options]
            env = os.environ | {"HOME": str(folder)}
            processes.append(subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log))

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
        f"--secure-port={api}",
        f"--etcd-servers={etcd}",
        "--cert-dir=api",
        "--token-auth-file=tokens.csv",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--service-cluster-ip-range=10.0.0.0/24",
    )
    cluster = Cluster(folder)
    until(
        lambda: cluster.try_kubectl("get", "--raw", "/readyz").code == 0,
        lambda: (folder / "kube-apiserver.log").read_text()[-2000:],
        _START_SECONDS,
    )
    common = (loopback, "--kubeconfig=kubeconfig", "--leader-elect=false")
    run(
        "kube-controller-manager",
        *common,
        f"--secure-port={controllers}",
        "--cert-dir=controllers",
        f"--service-account-private-key-file={key}",
    )
    run("kube-scheduler", *common, f"--secure-port={scheduler}", "--cert-dir=scheduler")
    run(
        "kwok",
        "--kubeconfig=kubeconfig",
        "--manage-all-nodes=true",
        f"--server-address=127.0.0.1:{kwok}",
        *(f"--config={path}" for path in programs.kwok_stages()),
    )
    return cluster


def _free_ports(count: int) -> Sequence[int]:
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


STAND_INS = {
    "rabbitmqclusters.rabbitmq.com": ("v1beta1", "RabbitmqCluster"),
    "users.rabbitmq.com": ("v1beta1", "User"),
    "permissions.rabbitmq.com": ("v1beta1", "Permission"),
    "policies.rabbitmq.com": ("v1beta1", "Policy"),
    "redis.redis.redis.opstreelabs.in": ("v1beta2", "Redis"),
}
"""Kinds of operators whose definitions no package registry has: here they take any field."""


def _define(cluster: Cluster) -> None:
    for folder in (programs.dapr_definitions(), programs.keda_definitions()):
        cluster.kubectl("apply", "--server-side", "-f", str(folder))
    documents = [_stand_in(name, *each) for name, each in STAND_INS.items()]
    documents += [_node(number) for number in range(_NODES)]
    documents += [_volume(number) for number in range(8)]
    text = yaml.safe_dump_all(documents)
    cluster.kubectl("apply", "-f", "-", given=text)
    wanted = "--for=condition=Established"
    cluster.kubectl("wait", wanted, "--timeout=60s", "customresourcedefinitions", "--all")


def _stand_in(name: str, version: str, kind: str) -> dict[str, Any]:
    plural, _, group = name.partition(".")
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    served = {"name": version, "served": True, "storage": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind},
            "versions": [served | {"schema": {"openAPIV3Schema": schema}}],
        },
    }


def _node(number: int) -> dict[str, Any]:
    labels = {"kubernetes.io/hostname": f"node-{number}"}
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
