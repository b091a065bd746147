"""The measured system: a fresh one for this run only, or a running one."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bench.call_counter import FOLDER

REPO = Path(__file__).resolve().parents[1]
OUTPUT = REPO / ".run" / "bench"

_NO_LIMIT = str(10**9)
_ENVIRONMENT = {
    "MICROGRAM_LIMIT_USER": _NO_LIMIT,
    "MICROGRAM_LIMIT_ADDRESS": _NO_LIMIT,
    "MICROGRAM_LIMIT_MEDIA": _NO_LIMIT,
    "MICROGRAM_LIMIT_LOGINS": _NO_LIMIT,
    "MICROGRAM_LIMIT_TOKENS": _NO_LIMIT,
    "MICROGRAM_LIMIT_REGISTRATIONS": _NO_LIMIT,
    "MICROGRAM_LIMIT_APPS": _NO_LIMIT,
    "MICROGRAM_LIMIT_REPORTS": _NO_LIMIT,
    "MICROGRAM_STREAMS_USER": _NO_LIMIT,
}


class SystemUnavailable(Exception):
    """The system could not be started or found."""


@dataclass(frozen=True)
class SystemOptions:
    """What to measure: a running system, or one to start."""

    url: str = ""
    run_dir: Path | None = None
    components: str = ""
    replicas: str = ""
    keep: bool = False
    with_bare: bool = False
    """Whether orders also runs the baseline workflow."""


@dataclass
class BenchSystem:
    """The address and the processes of the system; empty if unknown."""

    options: SystemOptions
    url: str = ""
    components: str = ""
    started_in: float | None = None
    report: dict[str, Any] = field(default_factory=dict)
    run_dir: Path | None = None

    async def __aenter__(self) -> BenchSystem:
        if self.options.url or self.options.run_dir:
            self.run_dir = self.options.run_dir
            if self.run_dir:
                await self._read_report()
            self.url = self.options.url or self.report["gateway"]
            return self
        self.run_dir = OUTPUT / "system"
        await self._clear(self.run_dir)
        try:
            await self._start(self.run_dir)
        except BaseException:
            await self._runner("down", quiet=True)
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        is_ours = not (self.options.url or self.options.run_dir)
        if is_ours and not self.options.keep:
            await self._runner("down", quiet=True)

    @property
    def call_counts(self) -> Path | None:
        """The folder of the counters of sidecar calls."""
        folder = self.run_dir / "counts" if self.run_dir else None
        return folder if folder and folder.is_dir() else None

    async def _clear(self, run_dir: Path) -> None:
        """Remove old data; raises `SystemUnavailable` if another benchmark is running."""
        if json.loads(await self._runner("ps", "--json"))["services"]:
            raise SystemUnavailable(
                f"The system of a benchmark runs in {run_dir}: wait for its end, or stop it with "
                f"`./tye-like-run.sh down --run-dir {run_dir}`."
            )
        shutil.rmtree(run_dir, ignore_errors=True)

    async def restarts(self) -> dict[str, int]:
        """Return how often each process was restarted."""
        if not self.run_dir:
            return {}
        report = json.loads(await self._runner("ps", "--json"))
        found: dict[str, int] = {}
        for row in (*report["services"], *report["infra"]):
            found[row["service"]] = row["restarts"]
            found[f"{row['service']}.daprd"] = row.get("sidecar_restarts", 0)
        return {name: count for name, count in found.items() if count}

    async def _start(self, run_dir: Path) -> None:
        (run_dir / "counts").mkdir(parents=True)
        manifest = run_dir / "manifest.yaml"
        manifest.write_text(yaml.safe_dump(self._manifest(), sort_keys=False))
        options = ["--detach", "--no-dashboard", "--port", "0", "--manifest", str(manifest)]
        if self.options.components:
            options += ["--components", self.options.components]
        if self.options.replicas:
            options += ["--replicas", self.options.replicas]
        began = time.perf_counter()
        await self._runner("up", *options)
        self.started_in = time.perf_counter() - began
        await self._read_report()
        self.url = self.report["gateway"]

    def _manifest(self) -> dict[str, Any]:
        manifest = counted_manifest(REPO / "dapr.yaml")
        for app in manifest["apps"]:
            if self.options.with_bare and app["appID"] == "orders":
                app["command"] = [*app["command"][:-1], "bench.baseline_workflow"]
        return manifest

    def service_endpoint(self, service: str) -> tuple[str, str]:
        """Return the address of a service, and the token of its sidecar."""
        row, tokens = self._access(service)
        return str(row["address"]), tokens["app"]

    def sidecar_endpoint(self, service: str) -> tuple[str, str]:
        """Return the address of a service's sidecar, and the token that it wants."""
        row, tokens = self._access(service)
        return f"http://127.0.0.1:{row['sidecar_port']}", tokens["sidecar"]

    def _access(self, service: str) -> tuple[dict[str, Any], dict[str, str]]:
        if self.run_dir is None:
            raise SystemUnavailable(
                "Only a system whose run directory is known can be asked for this."
            )
        state = json.loads((self.run_dir / "state.json").read_text())
        row = next(row for row in self.report["services"] if row["service"] == service)
        return row, state["tokens"][service]

    async def _read_report(self) -> None:
        self.report = json.loads(await self._runner("ps", "--json"))
        self.components = self.report.get("components", "")
        if not self.report.get("gateway"):
            raise SystemUnavailable(f"No system with a gateway runs in {self.run_dir}.")

    async def _runner(self, verb: str, *options: str, quiet: bool = False) -> str:
        environment = os.environ | _ENVIRONMENT | {FOLDER: f"{self.run_dir}/counts"}
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tools.runner", "--run-dir", str(self.run_dir), verb, *options),
            cwd=REPO,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the benchmark, which takes the system down
        )
        output, _ = await child.communicate()
        if child.returncode and not quiet:
            raise SystemUnavailable(f"`{verb}` failed:\n{output.decode(errors='replace')}")
        return output.decode()


def counted_manifest(path: Path) -> dict[str, Any]:
    """Return the system's manifest, with every service started under the call counter."""
    manifest: dict[str, Any] = yaml.safe_load(path.read_text())
    base = path.parent
    common = manifest.get("common", {})
    for settings in (common, *manifest["apps"]):
        for key in ("appDirPath", "configFilePath", "resourcesPath"):
            if key in settings:
                settings[key] = str((base / settings[key]).resolve())
        if "resourcesPaths" in settings:
            settings["resourcesPaths"] = [
                str((base / p).resolve()) for p in settings["resourcesPaths"]
            ]
    for app in manifest["apps"]:
        app["command"] = counted_command(app["command"])
    return manifest


def counted_command(command: list[str]) -> list[str]:
    """Return `python -m services.feed` with the call counter; other commands unchanged."""
    python, *rest = command
    if rest[:1] == ["-m"] and rest[1:2] and rest[1].startswith("services."):
        return [python, "-m", "bench.call_counter", *rest[1:]]
    return command
