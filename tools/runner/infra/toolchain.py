"""Finds the pinned Go programs, or builds them once per user and version."""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tools.runner.config.paths import REPO, user_cache
from tools.runner.errors import RunnerError
from tools.runner.infra import go_build, trust
from tools.runner.infra.go_build import GoProgram

MODULE = REPO / "tools" / "dapr"
PACKAGES = {
    "daprd": "github.com/dapr/dapr/cmd/daprd",
    "nats-server": "github.com/nats-io/nats-server/v2",
}
CONTROL_PLANE_NAMES = ("placement", "scheduler", "sentry", "etcd")
"""The names of one program, which is what it is called by: its pages in memory are shared."""
WIDE = "daprd-wide"
"""The name of our daprd with more components, where a component set needs it."""

_OFFICIAL_TAGS = "allcomponents"
_SETTING = "MICROGRAM_DAPRD"


@cache
def version() -> str:
    """Return the pinned version of the runtime, as in tools/dapr/go.mod."""
    found = re.search(r"github\.com/dapr/dapr v(\S+)", (MODULE / "go.mod").read_text())
    if not found:
        raise RunnerError(f"{MODULE / 'go.mod'} does not name the Dapr version")
    return found[1]


def cache_dir() -> Path:
    """Return the per-user folder of built programs."""
    return user_cache() / f"tools-{version()}"


def require_tools(names: Iterable[str]) -> None:
    """Build the programs that exist neither in the cache nor installed.

    Raises RunnerError if a build fails.
    """
    missing = dict.fromkeys(_program(name) for name in names if find_tool(name) is None)
    if missing:
        go_build.build([*missing], cache_dir(), version())


def require_tool(name: str) -> Path:
    """Return a program: from the cache, an installed one of the pinned minor version, or built now.

    Raises RunnerError if the build fails.
    """
    require_tools([name])
    return find_tool(name) or _target(name)


def describe_installed(names: Iterable[str]) -> list[str]:
    """Return a line about each program that is used and was installed by somebody else."""
    return [
        f"{name} {installed.version} is used from {installed.path}, which was not built here"
        for name in names
        if (installed := _installed(name)) and find_tool(name) == installed.path
    ]


@dataclass(frozen=True)
class _InstalledProgram:
    path: Path
    version: str


@cache
def _installed(name: str) -> _InstalledProgram | None:
    """Return an official daprd of the pinned minor version, in ~/.dapr/bin or on PATH.

    The servers of Dapr are always ours: the database of the scheduler is in the same program.
    Raises RunnerError for one that others can write to: it is not even asked for its version.
    """
    if name != "daprd":
        return None
    candidates = [str(Path.home() / ".dapr" / "bin" / name), shutil.which(name) or ""]
    minor = version().rpartition(".")[0]
    for candidate in filter(os.path.exists, candidates):
        trust.require_trusted(Path(candidate))
        answer = subprocess.run(
            [candidate, "--version"], capture_output=True, text=True, check=False, timeout=10
        )
        if found := re.search(rf"\b{re.escape(minor)}\.\d\S*", answer.stdout):
            return _InstalledProgram(Path(candidate), found[0])
    return None


def find_tool(name: str) -> Path | None:
    """Return a program that exists already, or None.

    Raises RunnerError for one that others can write to.
    """
    built = _target(name)
    if os.access(built, os.X_OK):
        return trust.require_trusted(built)
    installed = _installed(name)
    return installed.path if installed else None


def uses_lean_daprd() -> bool:
    """Return whether sidecars will run the daprd of tools/dapr/daprd.

    It has the components of the component sets only. The official one is used where
    MICROGRAM_DAPRD=all asks for it, and where it is installed and the lean one not built.
    """
    return not wants_official() and find_tool("daprd") in (None, _program("daprd").target)


def _program(name: str) -> GoProgram:
    folder = cache_dir() / "bin"
    if name in CONTROL_PLANE_NAMES:
        target = folder / f"controlplane-{_own_key('controlplane/*.go')}" / "controlplane"
        return GoProgram(target.name, "./controlplane", target, links=CONTROL_PLANE_NAMES)
    if name == WIDE:
        target = folder / f"wide-{_own_key('daprd/*.go')}" / "daprd"
        return GoProgram(name, "./daprd", target, "wide")
    if name == "daprd" and not wants_official():
        return GoProgram(name, "./daprd", folder / f"lean-{_own_key(*_LEAN)}" / name)
    return GoProgram(name, PACKAGES[name], folder / name, tags=_OFFICIAL_TAGS)


def _target(name: str) -> Path:
    """Return where a program is once it is built."""
    program = _program(name)
    return program.target.with_name(name) if name in program.links else program.target


def wants_official() -> bool:
    """Return whether MICROGRAM_DAPRD asks for the official daprd.

    Raises RunnerError for another value.
    """
    wanted = os.environ.get(_SETTING, "")
    if wanted not in ("", "all"):
        raise RunnerError(
            f'{_SETTING} is "{wanted}"; it may be "all", for the official daprd with all components'
        )
    return wanted == "all"


_LEAN = ("daprd/main.go", "daprd/components.go")
"""The sources of the lean daprd. The wide one has more."""


@cache
def _own_key(*names: str) -> str:
    """Return a key of some sources, the pinned modules and the flags of a program of ours."""
    found = sorted(path for name in names for path in MODULE.glob(name))
    sources = [MODULE / "go.mod", *found]
    content = b"".join(path.read_bytes() for path in sources) + repr(go_build.FLAGS).encode()
    return hashlib.sha256(content).hexdigest()[:12]
