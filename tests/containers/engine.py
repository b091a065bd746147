"""Podman with a storage and settings of its own, and podman-compose."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import yaml

from tools.runner.commands.checks import CONTAINER_PACKAGES
from tools.runner.config.paths import REPO, user_cache
from tools.runner.infra import debian

_SETTINGS = """\
[containers]
# Some machines do not let containers have more.
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[network]
network_backend = "netavark"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
_STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{folder}/storage"
runroot = "{folder}/state"
"""
_COMPOSE = Path(__file__).with_name("podman-compose.txt")
_BUILD_TIMEOUT = 1500.0


def missing_packages() -> list[str]:
    """Return the Debian packages that must be installed first."""
    if shutil.which("dpkg-query") is None:
        return [*CONTAINER_PACKAGES]
    return [each for each in CONTAINER_PACKAGES if not debian.is_installed(each)]


class Engine:
    """Runs podman. Images stay in the cache of this user from one test run to the next."""

    def __init__(self) -> None:
        self.folder = user_cache() / "containers"
        self.folder.mkdir(parents=True, exist_ok=True)
        settings, storage = self.folder / "containers.conf", self.folder / "storage.conf"
        settings.write_text(_SETTINGS)
        storage.write_text(_STORAGE.format(folder=self.folder))
        self._own = {
            "CONTAINERS_CONF": str(settings),
            "CONTAINERS_STORAGE_CONF": str(storage),
        }

    def podman(self, *arguments: str | Path, stdin: Path | None = None) -> str:
        """Run podman; return its output."""
        with (stdin or Path(os.devnull)).open("rb") as given:
            return _run(["podman", *map(str, arguments)], self._own, stdin=given.fileno())

    def compose(self, project: Sequence[Path], env: Mapping[str, str], *arguments: str) -> str:
        """Run podman-compose on the files of a project; return its output."""
        files = [part for path in project for part in ("-f", str(path))]
        command = [sys.executable, "-m", "podman_compose", *files, *arguments]
        return _run(command, {**self._own, **env, "PYTHONPATH": str(self._podman_compose)})

    @cached_property
    def _podman_compose(self) -> Path:
        version = _COMPOSE.read_text().partition("==")[2].split()[0]
        home = self.folder / f"podman-compose-{version}"
        if not home.exists():
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
            _run([*command, "--require-hashes", "--target", str(home), "-r", str(_COMPOSE)], {})
        return home

    def has_image(self, name: str) -> bool:
        """Return whether an image exists."""
        return bool(self.podman("images", "--quiet", name).strip())

    def build(self, context: Path, name: str, *options: str | Path) -> None:
        """Build an image of a folder."""
        self.podman(
            "build", "--quiet", "--force-rm", "--format", "docker", "--tag", name, *options, context
        )

    def containers(self) -> list[str]:
        """Return the containers of the project, by their names in it."""
        names = self.podman("ps", "--all", "--format", "{{.Names}}").split()
        return [name.removeprefix("microgram_").removesuffix("_1") for name in names]

    def inspect(self, container: str, form: str) -> str:
        """Return what a template of Go makes of the settings and state of a container."""
        return self.podman("inspect", "--format", form, full_name(container)).strip()

    def pid(self, container: str) -> int:
        """Return the process id of the first process of a container, 0 if it has ended."""
        return int(self.inspect(container, "{{.State.Pid}}"))

    def is_healthy(self, container: str) -> bool:
        """Run the health check of a container once.

        Podman leaves that to systemd, which not every machine has.
        """
        command = ["podman", "healthcheck", "run", full_name(container)]
        done = subprocess.run(
            command, env={**os.environ, **self._own}, capture_output=True, check=False
        )
        return done.returncode == 0

    def kill(self, container: str) -> int:
        """Kill -9 the first process of a container, as a crash would; return its id."""
        pid = self.pid(container)
        os.kill(pid, signal.SIGKILL)
        return pid


def full_name(container: str) -> str:
    """Return the name that podman-compose gives a container."""
    return f"microgram_{container}_1"


def with_health_check() -> list[str]:
    """Return the containers of the project that have a health check."""
    project = yaml.safe_load((REPO / "deploy/compose.yaml").read_text())
    return [name for name, each in project["services"].items() if "test" in each["healthcheck"]]


def _run(command: list[str], env: Mapping[str, str], stdin: int | None = None) -> str:
    done = subprocess.run(
        command,
        env={**os.environ, **env},
        stdin=stdin,
        capture_output=True,
        text=True,
        timeout=_BUILD_TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout
