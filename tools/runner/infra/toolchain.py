"""Finds the pinned Go programs, or builds them once per user and version."""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from tools.runner.config.paths import REPO, user_cache
from tools.runner.errors import RunnerError
from tools.runner.infra import go_build
from tools.runner.infra.go_build import GoProgram

_MODULE = REPO / "tools" / "dapr"
_PACKAGES = {
    "daprd": "github.com/dapr/dapr/cmd/daprd",
    "placement": "github.com/dapr/dapr/cmd/placement",
    "scheduler": "github.com/dapr/dapr/cmd/scheduler",
    "sentry": "github.com/dapr/dapr/cmd/sentry",
    "etcd": "go.etcd.io/etcd/server/v3",
    "nats-server": "github.com/nats-io/nats-server/v2",
}
_OFFICIAL_TAGS = "allcomponents"
_SETTING = "MICROGRAM_DAPRD"


@cache
def version() -> str:
    """Return the pinned version of the runtime, as in tools/dapr/go.mod."""
    found = re.search(r"github\.com/dapr/dapr v(\S+)", (_MODULE / "go.mod").read_text())
    if not found:
        raise RunnerError(f"{_MODULE / 'go.mod'} does not name the Dapr version")
    return found[1]


def cache_dir() -> Path:
    """Return the per-user folder of built programs."""
    return user_cache() / f"tools-{version()}"


def require_tools(names: Iterable[str]) -> None:
    """Build the programs that exist neither in the cache nor installed.

    Raises RunnerError if a build fails.
    """
    missing = [_program(name) for name in names if find_tool(name) is None]
    if missing:
        go_build.build(missing, cache_dir(), version())


def require_tool(name: str) -> Path:
    """Return a program: from the cache, an installed one of the pinned minor version, or built now.

    Raises RunnerError if the build fails.
    """
    require_tools([name])
    return find_tool(name) or _program(name).target


@cache
def _installed(name: str) -> Path | None:
    """Return an official program of the pinned minor version, in ~/.dapr/bin or on PATH."""
    if name in ("nats-server", "etcd"):
        return None
    candidates = [str(Path.home() / ".dapr" / "bin" / name), shutil.which(name) or ""]
    minor = version().rpartition(".")[0]
    for candidate in filter(os.path.exists, candidates):
        answer = subprocess.run(
            [candidate, "--version"], capture_output=True, text=True, check=False, timeout=10
        )
        if re.search(rf"\b{re.escape(minor)}\.\d", answer.stdout):
            return Path(candidate)
    return None


def find_tool(name: str) -> Path | None:
    """Return a program that exists already, or None."""
    built = _program(name).target
    return built if os.access(built, os.X_OK) else _installed(name)


def uses_lean_daprd() -> bool:
    """Return whether sidecars will run the daprd of tools/dapr/daprd.

    It has the components of the component sets only. The official one is used where
    MICROGRAM_DAPRD=all asks for it, and where it is installed and the lean one not built.
    """
    return not _wants_official() and find_tool("daprd") in (None, _program("daprd").target)


def _program(name: str) -> GoProgram:
    folder = cache_dir() / "bin"
    if name == "daprd" and not _wants_official():
        return GoProgram(name, "./daprd", folder / f"lean-{_lean_key()}" / name)
    return GoProgram(name, _PACKAGES[name], folder / name, tags=_OFFICIAL_TAGS)


def _wants_official() -> bool:
    wanted = os.environ.get(_SETTING, "")
    if wanted not in ("", "all"):
        raise RunnerError(
            f'{_SETTING} is "{wanted}"; it may be "all", for the official daprd with all components'
        )
    return wanted == "all"


@cache
def _lean_key() -> str:
    """Return a key of the sources, the pinned modules and the flags of the lean daprd."""
    sources = [_MODULE / "go.mod", *sorted((_MODULE / "daprd").glob("*.go"))]
    content = b"".join(path.read_bytes() for path in sources) + repr(go_build.FLAGS).encode()
    return hashlib.sha256(content).hexdigest()[:12]
