"""Runs a container of a pod as a process of this machine, in the place of a kubelet.

The process gets the options, the variables and the files that the pod in the API server says. It
shares the network of the tests, and has a /run of its own, where all that it mounts is.
"""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from tests.kubernetes.cluster import Cluster

Document = dict[str, Any]

_MOUNTED = PurePosixPath("/var/run")
_IN_ITS_RUN = 'mount -t tmpfs tmpfs /run && cp -r "$1/." /run && shift && exec "$@"'
_SETTINGS = {
    "KUBERNETES_SERVICE_HOST": "kubernetes.default.svc",
    "DAPR_UNSAFE_SKIP_CONTAINER_UID_GID_CHECK": "true",  # the tests may run as root
}


def start(
    cluster: Cluster, pod: Document, name: str, program: Path, *more: str
) -> subprocess.Popen[bytes]:
    """Start a container of a pod; `more` are options that take the place of earlier ones."""
    spec = pod["spec"]
    (container,) = [
        each
        for each in [*spec.get("initContainers", ()), *spec["containers"]]
        if each["name"] == name
    ]
    files = cluster.folder / "mounts" / pod["metadata"]["name"] / name
    for mount in container.get("volumeMounts", ()):
        folder = PurePosixPath(mount["mountPath"])
        if folder.is_relative_to(_MOUNTED):
            (files / folder.relative_to(_MOUNTED)).mkdir(parents=True, exist_ok=True)
    for path, content in _files(cluster, pod, container):
        target = files / path.relative_to(_MOUNTED)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    options = [each for each in container["args"] if each != "/daprd"]
    env = dict(_variables(cluster, pod, container)) | _SETTINGS
    env["KUBERNETES_SERVICE_PORT"] = str(cluster.port)
    own_run = ("unshare", "--mount", "sh", "-euc", _IN_ITS_RUN, "sh", str(files))
    return cluster.start(name, *own_run, str(program), *options, *more, env=env)


def _variables(cluster: Cluster, pod: Document, container: Document) -> Iterator[tuple[str, str]]:
    for item in container.get("env", ()):
        source = item.get("valueFrom", {})
        if "fieldRef" in source:
            yield item["name"], _field(pod, source["fieldRef"]["fieldPath"])
        elif "secretKeyRef" in source:
            wanted = source["secretKeyRef"]
            content = _content(cluster, pod, "secret", wanted["name"])[wanted["key"]]
            yield item["name"], content.decode()
        else:
            yield item["name"], item.get("value", "")


def _field(pod: Document, path: str) -> str:
    found: Any = pod
    for key in path.split("."):
        found = found[key]
    return str(found)


def _files(
    cluster: Cluster, pod: Document, container: Document
) -> Iterator[tuple[PurePosixPath, bytes]]:
    volumes = {each["name"]: each for each in pod["spec"]["volumes"]}
    for mount in container.get("volumeMounts", ()):
        for path, content in _of_volume(cluster, pod, volumes[mount["name"]]):
            yield PurePosixPath(mount["mountPath"]) / path, content


def _of_volume(cluster: Cluster, pod: Document, volume: Document) -> Iterator[tuple[str, bytes]]:
    if "configMap" in volume:
        yield from _content(cluster, pod, "configmap", volume["configMap"]["name"]).items()
    if "secret" in volume:
        yield from _content(cluster, pod, "secret", volume["secret"]["secretName"]).items()
    for source in volume.get("projected", {}).get("sources", ()):
        if "serviceAccountToken" in source:
            wanted = source["serviceAccountToken"]
            yield wanted["path"], _token(cluster, pod, wanted.get("audience"))
        if "configMap" in source:
            yield from _content(cluster, pod, "configmap", source["configMap"]["name"]).items()
        for item in source.get("downwardAPI", {}).get("items", ()):
            yield item["path"], _field(pod, item["fieldRef"]["fieldPath"]).encode()


def _content(cluster: Cluster, pod: Document, kind: str, name: str) -> dict[str, bytes]:
    found = cluster.get("-n", pod["metadata"]["namespace"], kind, name).get("data") or {}
    if kind == "secret":
        return {key: base64.b64decode(value) for key, value in found.items()}
    return {key: value.encode() for key, value in found.items()}


def _token(cluster: Cluster, pod: Document, audience: str | None) -> bytes:
    """Return a token of the pod's account that is bound to the pod."""
    about = pod["metadata"]
    bound = ("Pod", about["name"], about["uid"])
    keys = ("kind", "name", "uid")
    options = [f"--bound-object-{key}={value}" for key, value in zip(keys, bound, strict=True)]
    if audience:
        options.append(f"--audience={audience}")
    account = pod["spec"]["serviceAccountName"]
    token = cluster.kubectl("-n", about["namespace"], "create", "token", account, *options)
    return token.strip().encode()
