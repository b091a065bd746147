"""Programs of Node that checks and measurements use, installed by npm in locked versions."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

from tools.runner.errors import RunnerError

_CACHE = Path.home() / ".cache/microgram"
_HOW = "on Debian, `apt-get install npm`"
_FILES = ("package.json", "package-lock.json")


def can_install() -> bool:
    """Return whether npm is there."""
    return shutil.which("npm") is not None


def install(config: Path, program: str) -> Path:
    """Install what a folder's package-lock.json names; return the path of a program of it.

    Done once per user and lock. Raises RunnerError without npm, or with the output of npm.
    """
    digest = hashlib.sha256((config / "package-lock.json").read_bytes()).hexdigest()[:12]
    folder = _CACHE / f"npm-{config.name}-{digest}"
    path = folder / "node_modules/.bin" / program
    if path.exists():
        return path
    if not can_install():
        raise RunnerError(f"{program} needs npm, which is not installed: {_HOW}")
    folder.mkdir(parents=True, exist_ok=True)
    for name in _FILES:
        shutil.copy(config / name, folder)
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RunnerError(f"npm could not install {program}: {done.stderr.strip()}")
    return path
