"""The check of .github/workflows by actionlint, where Go is."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from tools.runner.config.paths import REPO
from tools.runner.errors import RunnerError
from tools.runner.infra import go_build, toolchain
from tools.runner.infra.go_build import GoProgram

FOLDER = REPO / ".github" / "workflows"
_HOME = REPO / "tools" / "workflows"


def lint(folder: Path = FOLDER) -> tuple[int, str]:
    """Return the exit code of actionlint and what it says; 0 and why if it cannot be had."""
    try:
        program = require_actionlint()
    except RunnerError as error:
        return 0, f"skipped: {error}"
    files = sorted(map(str, folder.glob("*.y*ml")))
    command = [str(program), "-no-color", "-shellcheck=", "-pyflakes=", *files]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def require_actionlint() -> Path:
    """Return the program, which is built once for each version; raises RunnerError without Go."""
    cache = toolchain.cache_dir()
    program = GoProgram(
        "actionlint",
        "github.com/rhysd/actionlint/cmd/actionlint",
        cache / "bin" / f"actionlint-{_version()}",
        module=_HOME,
    )
    if not program.target.exists() and shutil.which("go") is None:
        raise RunnerError("Go is not on PATH")  # nobody waits for a toolchain because of a check
    go_build.build([program], cache, toolchain.version())
    return program.target


def _version() -> str:
    found = re.search(r"github\.com/rhysd/actionlint (\S+)", (_HOME / "go.mod").read_text())
    if not found:
        raise RunnerError(f"{_HOME / 'go.mod'} does not name the version of actionlint")
    return found[1]
