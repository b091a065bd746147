"""Memory, start and stop of a system with demo data: `python -m bench.memory`.

Memory is the proportional set size: a page that several processes share counts for each of them in
equal parts. The sum is what the machine would get back.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil

from tools.runner.config.paths import REPO, RunDir
from tools.runner.supervisor.lock import runner_pid
from tools.runner.supervisor.orphans import find_orphans

_RUN_DIR = REPO / ".run" / "bench" / "memory"
_IDLE_CORES = 0.5
_IDLE_TIMEOUT = 120.0


@dataclass(frozen=True)
class ProcessMemory:
    """The memory of one process, in bytes: in proportion, and what no other process shares."""

    proportional: int
    private: int


def read_memory(rollup: str) -> ProcessMemory:
    """Return what a file `smaps_rollup` of /proc says."""
    sizes: dict[str, int] = {}
    for line in rollup.splitlines()[1:]:
        name, size, _ = line.split()
        sizes[name.removesuffix(":")] = int(size) * 1024
    return ProcessMemory(sizes["Pss"], sizes["Private_Clean"] + sizes["Private_Dirty"])


def process_kinds(report: Mapping[str, Any], runner: int | None) -> dict[int, str]:
    """Return the kinds of the processes that `ps --json` lists, by process id."""
    kinds = {runner: "runner"} if runner else {}
    for row in report["services"]:
        is_gateway = row["app_id"] == "gateway"
        kinds[row["pid"]] = "gateway" if is_gateway else "services"
        kinds[row["sidecar_pid"]] = "sidecars"
    return kinds | {row["pid"]: row["service"] for row in report["infra"]}


def memory_by_kind(kinds: Mapping[int, str], pids: Iterable[int]) -> dict[str, list[ProcessMemory]]:
    """Return the memory of processes by kind; those that `ps` does not list are "helpers"."""
    found: dict[str, list[ProcessMemory]] = defaultdict(list)
    for pid in pids:
        with suppress(OSError):  # it has ended meanwhile
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            found[kinds.get(pid, "helpers")].append(read_memory(rollup))
    return found


def format_memory(found: Mapping[str, list[ProcessMemory]]) -> str:
    """Return a table in MB (millions of bytes), with the sum of all in its last line."""
    lines = [f"{'MB':<14}{'processes':>10}{'proportional':>14}{'private each':>14}"]
    rows = sorted(found.items(), key=lambda row: -sum(each.proportional for each in row[1]))
    for kind, each in rows:
        private = sum(one.private for one in each) / len(each) / 1e6
        lines.append(f"{kind:<14}{len(each):>10}{_megabytes(each):>14.0f}{private:>14.1f}")
    everything = [one for each in found.values() for one in each]
    lines.append(f"{'all':<14}{len(everything):>10}{_megabytes(everything):>14.0f}")
    return "\n".join(lines)


def _megabytes(processes: Iterable[ProcessMemory]) -> float:
    return sum(each.proportional for each in processes) / 1e6


class MeasuredSystem:
    """A system in a run directory, with the runner's verbs."""

    def __init__(self, run_dir: Path) -> None:
        self.run = RunDir(run_dir.resolve())

    def runner(self, *arguments: str) -> str:
        """Run a verb; return its output. Raises CalledProcessError."""
        command = [sys.executable, "-m", "tools.runner", "--run-dir", self.run.marker, *arguments]
        done = subprocess.run(command, cwd=REPO, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout

    def start(self, components: str) -> tuple[float, float]:
        """Start it; return the seconds until the gateway has answered a request with data.

        The second figure is the processor time until then, which depends less on what else runs.
        """
        began = time.perf_counter()
        self.runner("up", "--detach", "--no-dashboard", "--port", "0", "--components", components)
        address = self.run.read_state()["gateway"]
        with urlopen(f"{address}/api/v2/instance") as response:  # noqa: S310 (our own address)
            response.read()
        return time.perf_counter() - began, self._processor_seconds()

    def stop(self) -> float:
        """Stop it; return the seconds that `down` took."""
        began = time.perf_counter()
        self.runner("down")
        return time.perf_counter() - began

    def fill(self) -> None:
        """Fill it with the demo data, and wait until that is handled everywhere."""
        self.runner("demo")
        give_up_at = time.monotonic() + _IDLE_TIMEOUT
        calm = 0
        while calm < 3 and time.monotonic() < give_up_at:
            before, at = self._processor_seconds(), time.monotonic()
            time.sleep(1.0)
            used = self._processor_seconds() - before
            calm = calm + 1 if used < _IDLE_CORES * (time.monotonic() - at) else 0

    def memory(self) -> dict[str, list[ProcessMemory]]:
        """Return the memory of all its processes, by kind."""
        report = json.loads(self.runner("ps", "--json"))
        return memory_by_kind(process_kinds(report, runner_pid(self.run)), self._pids())

    def _pids(self) -> set[int]:
        runner = runner_pid(self.run)
        return {*find_orphans(self.run), *([runner] if runner else [])}

    def _processor_seconds(self) -> float:
        total = 0.0
        for pid in self._pids():
            with suppress(psutil.Error):
                times = psutil.Process(pid).cpu_times()
                total += times.user + times.system
        return total


def main(arguments: list[str]) -> int:
    """Measure a running system, or start one, fill it, measure it and stop it."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__)
    parser.add_argument("--running", type=Path, metavar="DIR", help="only the memory of this one")
    parser.add_argument("--components", default="embedded", metavar="NAME")
    parser.add_argument("--starts", type=int, default=3, metavar="N", help="how many (3)")
    options = parser.parse_args(arguments)
    if options.running:
        print(format_memory(MeasuredSystem(options.running).memory()))
        return 0
    shutil.rmtree(_RUN_DIR, ignore_errors=True)
    system = MeasuredSystem(_RUN_DIR)
    try:
        for number in range(options.starts):
            seconds, used = system.start(options.components)
            print(f"start {number + 1}: {seconds:.1f} s until the first answer, ", end="")
            print(f"{used:.1f} s of processor time", flush=True)
            if number < options.starts - 1:
                print(f"stop {number + 1}: {system.stop():.1f} s", flush=True)
        print(f"\nat rest\n{format_memory(system.memory())}", flush=True)
        system.fill()
        print(f"\nafter the demo\n{format_memory(system.memory())}\n", flush=True)
    finally:
        print(f"stop: {system.stop():.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
