"""Renders a component set for the sidecars of one run directory."""

import shutil
from collections.abc import Collection, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from services.chassis.security.access_rules import Access
from tools.runner.config.access_policies import (
    configure,
    scope_component,
    workflow_policy,
)
from tools.runner.config.manifest import ManifestApp
from tools.runner.config.paths import REPO, RunDir, write_private
from tools.runner.config.tracing import Tracing
from tools.runner.errors import RunnerError

METRICS_PORT = "metrics-port"
"""The option of daprd for the port of its metrics."""

Document = dict[str, Any]
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""The fast one if there is one: a start writes about a hundred files."""
Overrides = Mapping[tuple[str, str], str]
"""Metadata values that replace those of the files, by (component, metadata name)."""


PRODUCTION = "rabbitmq-redis"
"""The name of the component set in components/ itself."""


def set_names(folder: Path | None = None) -> list[str]:
    """Return the names of all component sets: every folder below components/ is one."""
    folder = folder or REPO / "components"
    return sorted([PRODUCTION, *(path.name for path in folder.iterdir() if path.is_dir())])


def load_set(name: str, folder: Path | None = None) -> list[Document]:
    """Return the documents of a set: those of components/, replaced by name by those of the set.

    Raises RunnerError for a set without a folder, and for an invalid file.
    """
    folder = folder or REPO / "components"
    if name not in set_names(folder):
        raise RunnerError(
            f'there is no component set "{name}" (known: {", ".join(set_names(folder))}). To make '
            f"one, create the folder {folder / name}/, and in it a file for each component that "
            f"differs from those in {folder}/: pubsub.yaml and broadcast.yaml for another broker, "
            "statestore.yaml and workflowstore.yaml for another database. docs/operating.md shows "
            "one whole (A component set of your own)"
        )
    documents = {_identity(each): each for each in _documents(folder)}
    if name != PRODUCTION:
        documents |= {_identity(each): each for each in _documents(folder / name)}
    return list(documents.values())


def _documents(folder: Path) -> Iterable[Document]:
    for path in sorted(folder.glob("*.yaml")):
        try:
            found = [each for each in yaml.safe_load_all(path.read_text()) if each]
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise RunnerError(f"{path}:{line}: not YAML: {error.problem}") from None
        for document in found:
            _check(document, path)
            yield document


def _check(document: Any, path: Path) -> None:
    known = document if isinstance(document, dict) else {}
    if not known.get("kind"):
        raise RunnerError(f'{path}: a document without "kind"')
    metadata = known.get("metadata")
    if not isinstance(metadata, dict) or not metadata.get("name"):
        raise RunnerError(f'{path}: a {known["kind"]} without "metadata: name"')
    spec = known.get("spec")
    items = spec.get("metadata") if isinstance(spec, dict) else None
    for item in items or []:
        if not isinstance(item, dict) or "name" not in item:
            raise RunnerError(
                f'{path}: in {metadata["name"]}, "spec: metadata" has no "name": {item}'
            )


_FIRST_VERSIONS = ("", "v0", "v1")


def component_type(component: Document) -> str:
    """Return the type of a component in lower case, with its version if that is not the first."""
    spec = component["spec"]
    kind, version = str(spec["type"]).lower(), str(spec.get("version") or "").lower()
    return kind if version in _FIRST_VERSIONS else f"{kind}/{version}"


def _identity(document: Document) -> tuple[str, str]:
    return str(document["kind"]), str(document["metadata"]["name"])


@dataclass(frozen=True)
class SetRenderer:
    """Writes sets into a run directory: a folder for each service, with what it may use."""

    run: RunDir
    access: Access
    overrides: Overrides = field(default_factory=dict)
    logins: Collection[str] = ()
    """The names of secrets of which each service has one of its own (`own_login`)."""

    def write_set(self, documents: Iterable[Document]) -> Path:
        """Replace everything by the documents of a set; return the folder of all folders."""
        shutil.rmtree(self.run.components, ignore_errors=True)
        scoped = self._scoped([*documents, workflow_policy(self.access)])
        for app in self.access:
            (self.run.components / app).mkdir(parents=True, mode=0o700)
            self._write_for(app, scoped)
        return self.run.components

    def write_brokers(self, documents: Iterable[Document], app: str) -> None:
        """Replace the components of the broker of one service by those of another set.

        Each file is replaced atomically: its sidecar can start at any time.
        """
        self._write_for(app, self._scoped(each for each in documents if is_of_broker(each)))

    def _scoped(self, documents: Iterable[Document]) -> list[Document]:
        """Return copies with scopes, with the overrides, and with paths of the run directory."""
        scoped = []
        for document in map(deepcopy, documents):
            _override(document, _identity(document)[1], self.overrides)
            scoped.append(relocated(scope_component(document, self.access), self.run))
        return scoped

    def _write_for(self, app: str, documents: Iterable[Document]) -> None:
        for document in documents:
            if app in document.get("scopes", (app,)):
                kind, own_name = _identity(document)
                file = self.run.components / app / f"{kind.lower()}-{own_name}.yaml"
                _write(file, _with_own_login(document, app, self.logins))


def is_of_broker(document: Document) -> bool:
    """Return whether a document of a set is a component through which events pass."""
    return _identity(document) in (("Component", "pubsub"), ("Component", "broadcast"))


def own_login(secret: str, app: str) -> str:
    """Return the name of the secret with the login of one service at a server."""
    return f"{secret}-{app}"


def _with_own_login(document: Document, app: str, logins: Collection[str]) -> Document:
    def with_own(item: Document) -> Document:
        secret = item.get("secretKeyRef", {}).get("name")
        if secret not in logins:
            return item
        own = own_login(secret, app)
        return {**item, "secretKeyRef": {"name": own, "key": own}}

    if document["kind"] != "Component":
        return document
    metadata = [with_own(item) for item in document["spec"].get("metadata") or []]
    return {**document, "spec": {**document["spec"], "metadata": metadata}}


def render_configs(
    apps: Iterable[ManifestApp],
    run: RunDir,
    access: Access,
    *,
    has_mtls: bool,
    tracing: Tracing | None = None,
    has_metrics: bool = False,
) -> dict[str, Path]:
    """Write the configuration of each app's sidecar, with its policies and where spans go.

    Sidecars have metrics with `has_metrics`, or where the manifest gives them a port. Returns the
    written file of each app-id.
    """
    folder = run.path / "config"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    rendered = {}
    for app in apps:
        source = app.config_file or REPO / "deploy/local/config.yaml"
        document = configure(
            yaml.safe_load(source.read_text()), access[app.app_id], has_mtls=has_mtls
        )
        if tracing:
            document["spec"]["tracing"] = tracing.sidecar_settings()
        if has_metrics or METRICS_PORT in app.ports:
            document["spec"]["metrics"] = {**document["spec"].get("metrics", {}), "enabled": True}
        rendered[app.app_id] = folder / f"{app.app_id}.yaml"
        _write(rendered[app.app_id], relocated(document, run))
    return rendered


def _write(path: Path, document: Document) -> None:
    write_private(path, yaml.dump(document, Dumper=_DUMPER, sort_keys=False))


def relocated(value: Any, run: RunDir) -> Any:
    """Return a copy with every path below `.run/` moved into the run directory."""
    if isinstance(value, dict):
        return {key: relocated(each, run) for key, each in value.items()}
    if isinstance(value, list):
        return [relocated(each, run) for each in value]
    if isinstance(value, str) and value.startswith(".run/"):
        return f"{run.path}/{value.removeprefix('.run/')}"
    return value


def _override(document: Document, name: str, overrides: Overrides) -> None:
    spec = document.get("spec", {})
    for item in (spec.get("metadata") or []) if isinstance(spec, dict) else []:
        value = overrides.get((name, item["name"]))
        if value is not None:
            item["value"] = value
