"""Containers of Kubernetes' manifests, run by podman with the rights that these give them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.containers.engine import Engine
from tools.kubernetes.files import FOLDER

Document = dict[str, Any]


def pod_of(file: str, kind: str, name: str) -> Document:
    """Return the specification of the pods of a workload in a file of deploy/kubernetes."""
    documents = yaml.safe_load_all((FOLDER / file).read_text())
    (found,) = [
        each for each in documents if (each["kind"], each["metadata"]["name"]) == (kind, name)
    ]
    spec = found["spec"]
    pod: Document = (spec["jobTemplate"]["spec"] if kind == "CronJob" else spec)["template"]["spec"]
    return pod


class Pod:
    """Runs the container of a pod. Its volumes are folders; secrets are given as text."""

    def __init__(
        self,
        engine: Engine,
        image: str,
        pod: Document,
        volumes: Mapping[str, Path],
        secrets: Mapping[str, str],
    ) -> None:
        self._engine, self._image, self._pod = engine, image, pod
        self._volumes, self._secrets = volumes, secrets

    def start(self, name: str, *options: str, env: Mapping[str, str] | None = None) -> None:
        """Run it in the background, as a container of a name."""
        self._run("--detach", f"--name={name}", *options, env=env)

    def run(self, *options: str, env: Mapping[str, str] | None = None) -> str:
        """Run it to its end; return its output."""
        return self._run("--rm", *options, env=env)

    def _run(self, *options: str, env: Mapping[str, str] | None = None) -> str:
        (container,) = self._pod["containers"]
        program, *arguments = container["command"]
        variables = self._variables(container) | dict(env or {})
        given = [f"--env={key}={value}" for key, value in variables.items()]
        return self._engine.podman(
            "run",
            *options,
            *self._rights(container),
            *self._mounts(container),
            *given,
            f"--entrypoint={program}",
            self._image,
            *arguments,
        )

    def _rights(self, container: Document) -> list[str]:
        pod, own = self._pod["securityContext"], container["securityContext"]
        assert own["readOnlyRootFilesystem"]
        assert not own["allowPrivilegeEscalation"]
        assert own["capabilities"] == {"drop": ["ALL"]}
        limit = container["resources"]["limits"]["memory"].removesuffix("i").lower()
        return [
            *("--read-only", "--read-only-tmpfs=false", "--cap-drop=all"),
            *("--security-opt=no-new-privileges", f"--memory={limit}"),
            f"--user={pod['runAsUser']}:{pod['runAsGroup']}",
            f"--group-add={pod['fsGroup']}",
        ]

    def _mounts(self, container: Document) -> list[str]:
        found = []
        for mount in container["volumeMounts"]:
            if mount["name"] not in self._volumes:  # an emptyDir
                found.append(f"--tmpfs={mount['mountPath']}:mode=1777")
                continue
            folder = self._volumes[mount["name"]]
            _give_to_group(folder, self._pod["securityContext"]["fsGroup"])
            mode = "ro" if mount.get("readOnly") else "rw"
            found.append(f"--volume={folder}:{mount['mountPath']}:{mode}")
        return found

    def _variables(self, container: Document) -> dict[str, str]:
        found = {}
        for item in container["env"]:
            reference = item.get("valueFrom", {}).get("secretKeyRef", {})
            found[item["name"]] = item.get("value") or self._secrets.get(reference.get("key"), "")
        return found


def _give_to_group(folder: Path, group: int) -> None:
    """Do as a kubelet does for `fsGroup`: all of a volume belongs to the group."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, -1, group)
        mode = path.stat().st_mode
        path.chmod(mode | (0o2770 if path.is_dir() else 0o660))
