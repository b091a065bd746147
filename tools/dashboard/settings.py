"""The settings of one dashboard, and its two tokens."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from hmac import compare_digest
from pathlib import Path

from tools.runner.config.paths import RunDir, write_private

DEFAULT_PORT = 8090

MAX_SPANS_BYTES = 128_000_000
"""Of the database of spans. The oldest traces are deleted first."""


@dataclass(frozen=True)
class Settings:
    """One dashboard: the run directory that it shows, its port and its bounds."""

    run: RunDir
    port: int
    token: str
    is_read_only: bool = False
    """Whether it shows an export: nothing is collected, and nothing can be changed."""
    max_spans_bytes: int = MAX_SPANS_BYTES

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def telemetry(self) -> Path:
        return telemetry_folder(self.run)


def telemetry_folder(run: RunDir) -> Path:
    """Return the folder of the databases of spans and samples."""
    return run.path / "telemetry"


def token_file(run: RunDir) -> Path:
    """Return the file of the token that opens the dashboard."""
    return run.path / "dashboard-token"


def create_token(run: RunDir) -> str:
    """Return the token of a run directory; create it if there is none, or an empty one."""
    path = token_file(run)
    if not path.exists() or not path.read_text().strip():
        write_private(path, secrets.token_urlsafe(24) + "\n")
    path.chmod(0o600)
    return path.read_text().strip()


def derived_token(token: str, purpose: str) -> str:
    """Return a token for one purpose alone, from which the dashboard's own does not follow.

    `otlp`: services and sidecars may send spans with it. `session`: the value of the cookie.
    """
    return hashlib.sha256(f"{purpose}:{token}".encode()).hexdigest()


def is_same(given: str, expected: str) -> bool:
    """Compare two tokens in constant time."""
    return compare_digest(given.encode(), expected.encode())
