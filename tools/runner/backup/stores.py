"""The port of a backup to the state store, and which implementation a component set needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

import yaml

from tools.runner.backup.documents import StoredDocument
from tools.runner.backup.redis_store import RedisStore
from tools.runner.backup.sqlite_store import SqliteStore
from tools.runner.config.components import Document, load_set, relocated
from tools.runner.config.paths import RunDir
from tools.runner.config.secrets import SecretsFile
from tools.runner.errors import RunnerError

STATE_STORE = "statestore"
"""The component with the documents of services. What the engine of workflows keeps is not copied:
an order is its document, and `orders` starts the workflow of each unfinished one again."""


class CopiedStore(Protocol):
    """The documents of all services in one kind of store."""

    def snapshot(self) -> AbstractContextManager[Iterator[StoredDocument]]:
        """Give all documents of all services as they were at one instant, which is on entry.

        One instant, also across services: what a consumer has stored, its producer has stored too.
        """
        ...

    def size(self) -> int:
        """Return about how many bytes a copy needs."""
        ...

    def is_empty(self) -> bool:
        """Return whether nothing is stored."""
        ...

    def load(self, documents: Iterable[StoredDocument]) -> None:
        """Store documents durably in an empty store that nothing else uses."""
        ...

    def clear(self) -> None:
        """Remove what an interrupted `load` has stored."""
        ...


def running_store(run: RunDir, apps: Iterable[str]) -> tuple[str, CopiedStore]:
    """Return the type and the store that the sidecars of a run directory use, running or not.

    Raises RunnerError if it was never started, or for a store that the runner cannot copy.
    """
    documents = {app: _rendered(run, app) for app in apps}
    found = {app: document for app, document in documents.items() if document}
    if not found:
        raise RunnerError(f"there is nothing to back up: {run.path} was never started")
    # All use the same store. A start that was interrupted has written the files of some only.
    any_of_them = next(iter(found.values()))
    every = {app: found.get(app, any_of_them) for app in documents}
    return _store(every, run, SecretsFile(run.secrets))


def new_store(set_name: str, run: RunDir, apps: Iterable[str]) -> tuple[str, CopiedStore]:
    """Return the type and the store that a component set uses in a run directory, which is stopped.

    Raises RunnerError for a store that the runner cannot fill.
    """
    document = _component(set_name)
    type_ = str(document["spec"]["type"])
    if type_ == "state.redis":
        return type_, RedisStore.private(run, apps)
    return _store(dict.fromkeys(apps, relocated(document, run)), run, None)


def place_of(set_name: str, run: RunDir) -> str:
    """Return where a component set keeps its state: the same place means the same documents."""
    document = relocated(_component(set_name), run)
    type_ = str(document["spec"]["type"])
    if type_ == "state.redis":
        return str(run.path / "redis")
    connection = str(_metadata(document).get("connectionString", ""))
    return f"{type_}: {connection.partition('?')[0]}"


def _component(set_name: str) -> Document:
    (found,) = (each for each in load_set(set_name) if each["metadata"]["name"] == STATE_STORE)
    return found


def _rendered(run: RunDir, app: str) -> Document | None:
    path = run.components / app / f"component-{STATE_STORE}.yaml"
    found: Document | None = yaml.safe_load(path.read_text()) if path.exists() else None
    return found


def _store(
    documents: dict[str, Document], run: RunDir, secrets: SecretsFile | None
) -> tuple[str, CopiedStore]:
    types = {str(document["spec"]["type"]) for document in documents.values()}
    metadata = {app: _metadata(document) for app, document in documents.items()}
    if types == {"state.sqlite"}:
        return "state.sqlite", SqliteStore.of(metadata)
    if types == {"state.redis"} and secrets is not None:
        return "state.redis", RedisStore.of(metadata, run, secrets)
    raise RunnerError(
        f"the state is in {', '.join(sorted(types))}, which the runner cannot copy: use the backup "
        "of that database, and take care that it is of one instant for all services "
        "(docs/decisions/0046-a-backup-is-of-one-instant.md)"
    )


def _metadata(document: Document) -> dict[str, Any]:
    return {
        item["name"]: item.get("value", item.get("secretKeyRef", {}).get("name"))
        for item in document["spec"].get("metadata") or []
    }
