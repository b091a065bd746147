"""The verbs that run something else: `test` and `bench`."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.runner.paths import REPO

_BIN = Path(sys.executable).parent
_STEPS = {
    "format": ["ruff", "format", "--check", "."],
    "lint": ["ruff", "check", "."],
    "types": ["mypy"],
    "imports": ["lint-imports"],
}


def test(fast: bool, arguments: list[str]) -> int:
    """Run every check, and pytest last; return non-zero if any of them failed."""
    with ThreadPoolExecutor() as pool:
        passed = dict(zip(_STEPS, pool.map(_passes, _STEPS, _STEPS.values()), strict=True))
    failed = [name for name, well in passed.items() if not well]
    if failed:
        print(f"\nFAILED before pytest: {', '.join(failed)} (see above)\n", flush=True)
    tests = [] if any(Path(each.split("::")[0]).exists() for each in arguments) else _tests(fast)
    code = _call([str(_BIN / "python"), "-m", "pytest", *tests, *arguments])
    return code or (1 if failed else 0)


def _tests(fast: bool) -> list[str]:
    return ["tests/unit"] if fast else ["tests"]


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


def bench(arguments: list[str]) -> int:
    """Run the benchmark, and return its exit code."""
    return _call([str(_BIN / "python"), "-m", "bench", *arguments])


def _call(command: list[str]) -> int:
    return subprocess.run(command, cwd=REPO, env=_environment(), check=False).returncode


def _environment() -> dict[str, str]:
    """Return the environment, with the programs of .venv (toot, for one) first on PATH."""
    return dict(os.environ) | {"PATH": f"{_BIN}{os.pathsep}{os.environ.get('PATH', '')}"}
