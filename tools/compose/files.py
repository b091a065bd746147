"""The files of the compose project: itself, and what its containers read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from services.chassis.security.access_rules import Access, read_access
from tools.compose.limits import Document
from tools.compose.project import DATA, SECRETS, create_project
from tools.compose.servers import ADDRESSES, FILES, SERVERS
from tools.runner.config.access_policies import configure, scope_component, workflow_policy
from tools.runner.config.components import component_type, load_set, relocated
from tools.runner.config.environment_secrets import STORE_TYPE
from tools.runner.config.manifest import ManifestApp, read_manifest
from tools.runner.config.paths import REPO, RunDir
from tools.runner.config.topology import read_topology
from tools.runner.errors import RunnerError
from tools.runner.infra.identities import sentry_configuration
from tools.runner.infra.servers import needed_servers

PROJECT = "compose.yaml"
FOLDER = "compose"
"""What containers read is in a folder of this name beside the project."""

_HEAD = """\
# The whole system in containers (docs/deploying.md). Generated, do not edit:
# `./tye-like-run.sh compose --write` after a change of dapr.yaml, components/ or access.yaml.
# It needs the images of deploy/Containerfile, and what `./tye-like-run.sh compose --secrets` makes.
"""
_PATHS = {
    ".run/secrets.json": f"{SECRETS}/secrets.json",
    ".run/names.db": f"{DATA}/names/names.db",
}
"""What is elsewhere than in a run directory."""


def compose_files(components: str) -> dict[str, str]:
    """Return the text of each file of the project on a component set, by its path.

    Raises RunnerError for a set whose servers the project does not know.
    """
    apps, access, documents = _sources(components)
    servers = _servers(components, documents)
    project = create_project(apps, access, read_topology(access).gateway, servers)
    files = {PROJECT: _HEAD + _dump(project)}
    for document in [*documents, workflow_policy(access)]:
        scoped = _in_container(scope_component(document, access))
        name = f"{document['kind'].lower()}-{document['metadata']['name']}.yaml"
        files[f"{FOLDER}/components/{name}"] = _dump(scoped)
    for app in apps:
        files[f"{FOLDER}/config/{app.app_id}.yaml"] = _dump(_configuration(app, access))
    sentry = sentry_configuration(Path(SECRETS) / "keys.json")
    files[f"{FOLDER}/sentry.yaml"] = _dump(sentry)
    for server in servers:
        files |= {f"{FOLDER}/{name}": text for name, text in FILES[server].items()}
    return files


def component_documents(components: str) -> list[Document]:
    """Return the documents of a component set."""
    return _sources(components)[2]


def _sources(components: str) -> tuple[list[ManifestApp], Access, list[Document]]:
    apps = read_manifest(REPO / "dapr.yaml")
    documents = load_set(components, apps[0].resources)
    if any(
        each["kind"] == "Component" and component_type(each) == STORE_TYPE for each in documents
    ):
        raise RunnerError(
            f'the component set "{components}" has secrets in the environment of sidecars, and '
            "the compose project gives them as files: take `--components rabbitmq-redis`"
        )
    return apps, read_access(), documents


def _servers(components: str, documents: list[Document]) -> list[str]:
    needed = needed_servers(documents)
    if unknown := {*needed} - SERVERS.keys():
        raise RunnerError(
            f'the component set "{components}" needs {", ".join(sorted(unknown))}, and the compose '
            f"project knows only {' and '.join(sorted(SERVERS))} (tools/compose/servers.py)"
        )
    return [*needed]


def _configuration(app: ManifestApp, access: Access) -> Document:
    source = app.config_file or REPO / "deploy/local/config.yaml"
    document = yaml.safe_load(source.read_text())
    configured = configure(document, access[app.app_id], has_mtls=True)
    return _in_container(configured) | {"metadata": {"name": app.app_id}}


def _in_container(document: Document) -> Document:
    """Return a document with the paths and addresses that it has in a container."""
    found: Document = relocated(_with_own_paths(document), RunDir(DATA))
    for item in (found.get("spec", {}).get("metadata") or ()) if "spec" in found else ():
        if item["name"] == "redisHost":
            item["value"] = ADDRESSES["redis"]
    return found


def _with_own_paths(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_own_paths(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_own_paths(each) for each in value]
    return _PATHS.get(value, value) if isinstance(value, str) else value


class _PlainDumper(yaml.SafeDumper):
    """Writes what occurs twice twice: anchors would tie files to the order of their parts."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _dump(document: Document) -> str:
    return yaml.dump(document, Dumper=_PlainDumper, sort_keys=False, width=100)
