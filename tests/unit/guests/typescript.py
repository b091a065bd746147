"""Compiles guests in TypeScript, and runs their tests."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tools.runner.config.guests import FOLDER
from tools.runner.infra.node_build import compiler_command, node_program
from tools.web import npm


def can_compile() -> bool:
    return npm.can_install() and shutil.which("node") is not None


def compile_typescript(source: Path, target: Path) -> None:
    """Check a guest, and write it, its tests and what it uses of the library as JavaScript."""
    _run(compiler_command(source, target), source)
    shutil.copy(FOLDER / "package.json", target)


def run_tests(compiled: Path, source: Path) -> None:
    """Run the tests of a folder that is compiled; they read what else is in it from the sources."""
    tests = sorted((compiled / "test").glob("*.test.js"))
    _run([node_program(), "--test", *map(str, tests)], source)


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
