"""Guests in TypeScript: Node runs the sources as they are, or what the compiler makes of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tools.runner.config.guests import FOLDER
from tools.runner.errors import RunnerError
from tools.runner.infra.go_build import make_once
from tools.runner.output import progress
from tools.web import npm

_ADVICE = (
    "`.venv/bin/python -m pytest tests/unit/guests/test_typescript.py` shows the errors of guests."
)
_WRITE = ("--noEmit", "false", "--outDir")
"""Without them the compiler only checks: what it writes must not land beside the sources."""

_STRIPS_TYPES = "process.features.typescript === 'strip' ? 1 : 0"
"""Since Node 22.18. An older one needs the compiler, and so npm."""


def node_program() -> str:
    """Return the path of Node. Raises RunnerError without it."""
    node = shutil.which("node")
    if node is None:
        raise RunnerError(
            "a guest in TypeScript needs Node 20 or newer: on Debian, `apt-get install nodejs npm`"
        )
    return node


def typescript_command(folder: Path, target: Path) -> tuple[str, ...]:
    """Return the command of a guest; one that is built is built once, in `target`."""
    node = node_program()
    if _runs_typescript(node):
        return (node, str(folder / "src" / "main.ts"))
    make_once(target, lambda: _build(folder, target), target.parent, "building guests")
    return (node, str(target / folder.name / "src" / "main.js"))


def _build(folder: Path, target: Path) -> None:
    made = target.with_name(f".{target.name}.part")
    command = compiler_command(folder, made)
    progress.run(f"building the guest {folder.name}", command, cwd=folder, advice=_ADVICE)
    shutil.copy(FOLDER / "package.json", made)  # it says that these are modules
    made.replace(target)


def compiler_command(folder: Path, target: Path) -> list[str]:
    """Return the command that checks a guest and its tests, and writes them as JavaScript.

    They and the library are in folders of the target, as they are in `guests/`.

    The first time, npm installs the locked compiler. Raises RunnerError without npm.
    """
    compiler = npm.install(FOLDER, "tsc")
    types = compiler.parents[1] / "@types"
    return [str(compiler), "-p", str(folder), *_WRITE, str(target), "--typeRoots", str(types)]


def _runs_typescript(node: str) -> bool:
    done = subprocess.run([node, "-p", _STRIPS_TYPES], capture_output=True, text=True, check=False)
    return done.stdout.strip() == "1"
