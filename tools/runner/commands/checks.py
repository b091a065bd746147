"""The verbs that run something else: `test` and `bench`."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.runner.config.paths import REPO

_BIN = Path(sys.executable).parent
_STEPS = {
    "format": ["ruff", "format", "--check", "."],
    "lint": ["ruff", "check", "."],
    "types": ["mypy"],
    "imports": ["lint-imports"],
}
_PYTEST = [str(_BIN / "python"), "-m", "pytest", "--durations=20"]
_ALONE = ["tests/unit", "tests/services"]
"""Tests that start no sidecar: they share the cores, each with what it needs in its own memory."""

_ON_ALL_CORES = ["-n", "auto", "--dist", "worksteal"]
_RUNNING = ["tests/contract", "tests/e2e", "tests/chaos"]
"""Cheap tests first: they tell of a fault before the dear ones have begun."""

_A_SET_EACH = ["-n", "2", "--dist", "loadscope"]
"""Tests of a running system: two at a time, of one component set each."""

_NONE_FOUND = 5
"""What pytest exits with where nothing is there to be tested."""


def test(fast: bool, arguments: list[str]) -> int:
    """Run every check, and pytest last; return non-zero if any of them failed.

    Where the arguments name tests, only those are run. Others, such as `-k saga`, must fit a test
    of one of the two parts at least.
    """
    with ThreadPoolExecutor() as pool:
        passed = dict(zip(_STEPS, pool.map(_passes, _STEPS, _STEPS.values()), strict=True))
    failed = [name for name, well in passed.items() if not well]
    codes = {
        name: _timed(name, [*_PYTEST, *part, *arguments]) for name, part in _parts(fast, arguments)
    }
    failed += [name for name, code in codes.items() if code not in (0, _NONE_FOUND)]
    if set(codes.values()) == {_NONE_FOUND}:
        failed.append("tests: there are none of these")
    if failed:
        print(f"\nFAILED: {', '.join(failed)} (see above)", flush=True)
    return 1 if failed else 0


def _parts(fast: bool, arguments: list[str]) -> list[tuple[str, list[str]]]:
    if any(Path(each.split("::")[0]).exists() for each in arguments):
        return [("tests", [])]
    alone = ("tests without sidecars", [*(_ALONE[:1] if fast else _ALONE), *_ON_ALL_CORES])
    running = ("tests of a running system", [*_RUNNING, *_A_SET_EACH])
    return [alone] if fast else [alone, running]


def _passes(name: str, command: list[str]) -> bool:
    began = time.monotonic()
    done = subprocess.run(
        [str(_BIN / command[0]), *command[1:]],
        cwd=REPO,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    took = f"{time.monotonic() - began:.1f} s"
    said = "" if done.returncode == 0 else f"\n{done.stdout}{done.stderr}"
    print(f"{name:<8} {'FAILED' if said else 'ok':<7} {took}{said}", flush=True)
    return not said


def _timed(name: str, command: list[str]) -> int:
    began = time.monotonic()
    code = _call(command)
    minutes, seconds = divmod(round(time.monotonic() - began), 60)
    print(f"{name}: {minutes}:{seconds:02} min", flush=True)
    return code


def bench(arguments: list[str]) -> int:
    """Run the benchmark, and return its exit code."""
    return _call([str(_BIN / "python"), "-m", "bench", *arguments])


def _call(command: list[str]) -> int:
    return subprocess.run(command, cwd=REPO, env=_environment(), check=False).returncode


def _environment() -> dict[str, str]:
    """Return the environment, with the programs of .venv (toot, for one) first on PATH."""
    return dict(os.environ) | {"PATH": f"{_BIN}{os.pathsep}{os.environ.get('PATH', '')}"}
