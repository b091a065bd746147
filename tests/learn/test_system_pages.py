"""The commands of docs/learn that need a running system print what the pages show."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.learn.consoles import replay_system
from tools.learn.pages import pages
from tools.runner.config.paths import REPO

PAGES = [page for page in pages() if "```console system" in page.read_text()]
RUNNER = str(REPO / "tye-like-run.sh")
START = "--detach --quiet --port 0 --no-dashboard --only gateway,auth,users"
"""As docs/learn/sidecar.md starts it."""


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The run directory of three services; MICROGRAM_LEARN_SYSTEM names one that runs already."""
    if running := os.environ.get("MICROGRAM_LEARN_SYSTEM"):
        yield Path(running)
        return
    folder = tmp_path_factory.mktemp("learn") / "run"
    subprocess.run([RUNNER, "up", *START.split(), "--run-dir", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run([RUNNER, "down", "--run-dir", str(folder)], check=True)


def test_a_page_starts_the_system_as_this_test_does() -> None:
    page = (REPO / "docs/learn/sidecar.md").read_text()
    (line,) = (each for each in page.splitlines() if each.startswith("./tye-like-run.sh up"))
    assert set(START.split()) < set(line.split())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_print_what_it_shows(page: Path, run_dir: Path) -> None:
    text = page.read_text()
    assert replay_system(text, run_dir) == text
