"""Systems that are started as the pages say."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tools.learn.system import RUN_DIR, START
from tools.runner.config.paths import REPO


@contextmanager
def started(line: str, folder: Path) -> Iterator[Path]:
    """Start a system as a page does, in another run directory; stop it at the end."""
    words = [str(folder) if word == RUN_DIR else word for word in shlex.split(line)]
    subprocess.run(words, cwd=REPO, check=True)
    try:
        yield folder
    finally:
        subprocess.run([words[0], "down", "--run-dir", str(folder)], cwd=REPO, check=True)


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The learner's system of five services; MICROGRAM_LEARN_SYSTEM names one that runs already."""
    if running := os.environ.get("MICROGRAM_LEARN_SYSTEM"):
        yield Path(running)
        return
    with started(START, tmp_path_factory.mktemp("five") / "run") as folder:
        yield folder
