"""Whether a running system of the last release gets this one service by service (decision 64)."""

from __future__ import annotations

import importlib
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.chassis.security.access_rules import read_access
from services.chassis.service import Service
from services.chassis.storage.collection import Collection
from tools.contracts.__main__ import settings_of
from tools.contracts.breaking.__main__ import RELEASED
from tools.runner.config.paths import REPO

RECORD = RELEASED / "release.json"
"""The last release: its version, the schemas of what it stores, and its notes."""

READ_AT_THE_START = (
    "dapr.yaml",
    "components",
    "deploy/local",
    "services/access.yaml",
    "tools/runner/config",
    "tools/runner/infra",
    "tools/runner/supervisor",
    "tools/dapr",
    "requirements.lock",
)
"""What the runner and the sidecars read at their start only."""

Schemas = Mapping[str, Mapping[str, int]]
"""The schema of each kind of document, by service."""


class _RecordingService(Service):
    """A service that notes which documents it stores."""

    def collection(self, *given: Any, **options: Any) -> Collection[Any]:
        made: Collection[Any] = super().collection(*given, **options)
        self.schemas[made.kind] = made.schema
        return made

    schemas: dict[str, int]


def schemas() -> dict[str, dict[str, int]]:
    """Return the schemas of this tree."""
    return {name: _schemas_of(name) for name in sorted(read_access())}


def _schemas_of(name: str) -> dict[str, int]:
    module = importlib.import_module(f"services.{name}.app")
    service = _RecordingService(settings_of(module, name))
    service.schemas = {}
    module.create_app(service)
    return dict(sorted(service.schemas.items()))


def release_commit(root: Path = REPO) -> str:
    """Return the commit of the last release; empty if there is none, or no history."""
    if is_shallow(root):  # there, the oldest commit seems to have written every file
        return ""
    record = str(RECORD.relative_to(REPO))
    return _git(root, "log", "-1", "--format=%H", "--", record, check=False).strip()


def is_shallow(root: Path = REPO) -> bool:
    """Whether a clone lacks older commits."""
    return _git(root, "rev-parse", "--is-shallow-repository", check=False).strip() == "true"


def changed_files(root: Path, commit: str, *places: str) -> list[str]:
    """Return the files in some places that differ from a commit, also those that are new."""
    changed = _git(root, "diff", "--name-only", commit, "--", *places)
    new = _git(root, "ls-files", "--others", "--exclude-standard", "--", *places)
    return [*changed.splitlines(), *new.splitlines()]


def _git(root: Path, *arguments: str, check: bool = True) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=check).stdout


def stops_needed(root: Path = REPO) -> list[str]:
    """Return why a running system of the last release must be stopped for this one."""
    commit = release_commit(root)
    if is_shallow(root):
        return ["this clone has no history: `git fetch --unshallow`"]
    if not commit:
        return ["no release before this one is known"]
    changed = changed_schemas(_released_schemas(), schemas())
    return [*_files_read_at_the_start(root, commit), *changed]


def _files_read_at_the_start(root: Path, commit: str) -> list[str]:
    changed = changed_files(root, commit, *READ_AT_THE_START)
    return [
        f"{place} changed, which is read at the start only"
        for place in READ_AT_THE_START
        if any(path == place or path.startswith(f"{place}/") for path in changed)
    ]


def _released_schemas() -> Schemas:
    if not RECORD.exists():
        return {}
    found: Schemas = json.loads(RECORD.read_text())["schemas"]
    return found


def changed_schemas(last: Schemas, now: Schemas) -> list[str]:
    """Return which documents the last release does not read as this one writes them."""
    return [
        f"{service} stores {kind} with schema {now[service][kind]}, and the last release reads "
        f"{schema} at most"
        for service, kinds in last.items()
        for kind, schema in kinds.items()
        if now.get(service, {}).get(kind, schema) > schema
    ]
