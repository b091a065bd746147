"""Paths of the repository, the run directory and the cache."""

import json
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.runner.errors import RunnerError

REPO = Path(__file__).resolve().parents[3]
MARKER = "MICROGRAM_RUN_ID"
"""The environment variable that marks the processes of a run directory."""


def user_cache() -> Path:
    """Return the cache folder that all checkouts of this user share."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "microgram"


@dataclass(frozen=True)
class RunDir:
    """The folder with everything that one system writes."""

    path: Path

    @classmethod
    def at(cls, given: str | None) -> "RunDir":
        """Return the given folder, else MICROGRAM_RUN_DIR, else `.run` in the repository."""
        chosen = given or os.environ.get("MICROGRAM_RUN_DIR") or str(REPO / ".run")
        return cls(Path(chosen).expanduser().resolve())

    @property
    def marker(self) -> str:
        return str(self.path)

    @property
    def is_default(self) -> bool:
        return self.path == REPO / ".run"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets.json"

    @property
    def operator_token(self) -> Path:
        return self.path / "operator-token"

    @property
    def metrics_token(self) -> Path:
        return self.path / "metrics-token"

    @property
    def state(self) -> Path:
        return self.path / "state.json"

    @property
    def lock(self) -> Path:
        return self.path / "runner.lock"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def components(self) -> Path:
        return self.path / "components"

    @property
    def backup_staging(self) -> Path:
        """What a backup gathers before it is written to its file."""
        return self.path / "backup.partial"

    @property
    def unfinished_restore(self) -> Path:
        """The file that exists from the first change of a restore until its end."""
        return self.path / "restore.unfinished"

    @property
    def migration(self) -> Path:
        """The record of the last migration of state (backup/migration.py)."""
        return self.path / "migration.json"

    def create(self) -> None:
        """Create the folder and its subfolders, for their owner only.

        Raises RunnerError for a folder that another user owns or can write to: what it holds could
        be theirs.
        """
        if self.path.exists():
            _require_private(self.path)
            self.path.chmod(0o700)
        for folder in (self.path, self.logs, self.path / "state", self.path / "blobs"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def read_state(self) -> dict[str, Any]:
        """Return the state that the runner last wrote, or an empty one."""
        try:
            found = json.loads(self.state.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def _require_private(folder: Path) -> None:
    status = folder.stat()
    if status.st_uid != os.geteuid():
        raise RunnerError(f"{folder} belongs to another user: use another --run-dir")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise RunnerError(
            f"other users can write to {folder}, so what it holds cannot be trusted: remove it, or "
            f"if you know what is in it, run `chmod 700 {folder}`"
        )


def write_private(path: Path, text: str) -> None:
    """Replace a file atomically, readable by its owner only."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w") as file:
        file.write(text)
    Path(name).replace(path)
