"""The generated files of deploy/kubernetes; the others there are written by hand."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from services.chassis.security.access_rules import Access, read_access
from tools.kubernetes import autoscaling, broker, dapr, network, workloads
from tools.kubernetes.settings import Document
from tools.runner.config.manifest import ManifestApp, read_manifest
from tools.runner.config.paths import REPO

FOLDER = REPO / "deploy" / "kubernetes"

_SERVICES = Path("base/services")

_HEADER = """\
# Written by `./tye-like-run.sh kubernetes`, from dapr.yaml, components/ and services/access.yaml.
"""


_FAST = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_FAST):  # type: ignore[misc, valid-type]
    """Writes a value that occurs twice in full."""

    def ignore_aliases(self, data: object) -> bool:
        return True


@functools.cache
def rendered() -> Mapping[Path, str]:
    """Return the content of each generated file, by its path below deploy/kubernetes."""
    access = read_access()
    apps = {app.app_id: app for app in read_manifest(REPO / "dapr.yaml")}
    files = {_SERVICES / f"{name}.yaml": _service(app, access) for name, app in apps.items()}
    files[_SERVICES / "kustomization.yaml"] = [_list_of(sorted(path.name for path in files))]
    files[Path("base/components.yaml")] = dapr.shared_resources(access)
    files[Path("overlays/production/media-pictures.yaml")] = [
        workloads.picture_keys(apps["media"], access["media"])
    ]
    files[Path("overlays/production/rabbitmq-logins.yaml")] = broker.login_resources(access)
    scalers = [autoscaling.autoscaler(name, access) for name in apps]
    files[Path("autoscaling/autoscalers.yaml")] = [*scalers, autoscaling.trigger_authentication()]
    return {path: _text(documents) for path, documents in files.items()}


def _list_of(names: list[str]) -> Document:
    api = "kustomize.config.k8s.io/v1beta1"
    return {"apiVersion": api, "kind": "Kustomization", "resources": names}


def _service(app: ManifestApp, access: Access) -> list[Document]:
    name = app.app_id
    return [
        workloads.service_account(name),
        workloads.deployment(app, access[name]),
        workloads.disruption_budget(name),
        network.network_policy(name, app.ports["app-port"].number, access),
        dapr.configuration(name, access),
    ]


def _text(documents: Iterable[Document]) -> str:
    parts = (yaml.dump(each, Dumper=_Dumper, sort_keys=False, width=100) for each in documents)
    return _HEADER + "---\n".join(parts)


def outdated(folder: Path = FOLDER) -> list[Path]:
    """Return the generated files that are missing, differ, or belong to a service that is gone."""
    texts = rendered()
    there = {path.relative_to(folder) for path in (folder / _SERVICES).glob("*.yaml")}
    return [
        path
        for path in [*texts, *sorted(there - texts.keys())]
        if not (folder / path).is_file() or (folder / path).read_text() != texts.get(path)
    ]


def write(folder: Path = FOLDER) -> list[Path]:
    """Write the generated files, remove those of gone services, and return what changed."""
    changed, texts = outdated(folder), rendered()
    for path in changed:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        if path in texts:
            (folder / path).write_text(texts[path])
        else:
            (folder / path).unlink()
    return changed
