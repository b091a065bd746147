"""Traps that a test lays for a service: see saboteur/sitecustomize.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.system import wait_until

LATE = "MICROGRAM_LATE"
"""Names by how many seconds news is late at most, in services that are sabotaged."""

SABOTAGED = {"PYTHONPATH": str(Path(__file__).parent / "saboteur")}
"""What the environment of services must say for the saboteur to be among them."""


@dataclass(frozen=True)
class Trap:
    """Where a service is to die: at which point, of what (a prefix), after how many were let pass.

    Points: `before-` and `after-commit` (a key), `before-` and `after-publish`, `before-` and
    `after-effect` (a topic), `before-` and `after-invoke` (the last word of a path).
    """

    service: str
    point: str
    prefix: str
    let_pass: int = 0


class Traps:
    """The folder that all services of one system look into."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def env(self) -> dict[str, str]:
        """What the environment must say for services to look."""
        return {"MICROGRAM_TRAPS": str(self.folder), **SABOTAGED}

    def lay(self, trap: Trap) -> None:
        """Have the next process that comes by die."""
        path = self._path(trap)
        path.with_suffix(f"{path.suffix}.sprung").unlink(missing_ok=True)
        whole = path.with_suffix(".new")
        whole.write_text(f"{trap.prefix}\n{trap.let_pass}")
        whole.rename(path)

    def await_sprung(self, trap: Trap) -> None:
        """Wait until somebody has died in it."""
        path = self._path(trap)
        sprung = path.with_suffix(f"{path.suffix}.sprung")
        wait_until(sprung.exists, what=f"{trap} is sprung")

    @contextmanager
    def choking(self, service: str, topic: str) -> Iterator[None]:
        """While this lasts, a service cannot handle what it hears on a topic."""
        path = self.folder / f"{service}.choke"
        path.write_text(f"{topic}\n0")
        try:
            yield
        finally:
            path.unlink()

    def _path(self, trap: Trap) -> Path:
        return self.folder / f"{trap.service}.{trap.point}"
