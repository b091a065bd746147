"""Installs tools of Python's package index that are not part of .venv, checked by hash."""

import shutil
import sys
from pathlib import Path

from tools.runner.output import progress


def install(requirements: Path, home: Path, what: str, advice: str) -> Path:
    """Install a file of pinned requirements into a folder, if it is not there; return the folder.

    A package whose checksum is not in the file is refused. Raises RunnerError if a step fails.
    """
    if not home.exists():
        part = home.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(part)]
        command += ["--require-hashes", "--only-binary", ":all:", "-r", str(requirements)]
        progress.run(what, command, cwd=requirements.parent, advice=advice)
        part.rename(home)
    return home
