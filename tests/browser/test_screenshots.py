"""The script that makes the pictures, on a system with the demo's data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.system import start_system
from tools.runner.config.paths import REPO
from tools.web.screenshots import APP, DASHBOARD

FEWEST_COLOURS = 20
"""An empty page has one."""


@pytest.mark.usefixtures("chromium")
def test_every_page_has_its_pictures(tmp_path: Path) -> None:
    with start_system("embedded", tmp_path / "run", dashboard=True) as system:
        system.command("demo")
        command = [sys.executable, "-m", "tools.web.screenshots", "--run-dir", str(system.run_dir)]
        done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pictures = [Path(line) for line in done.stdout.splitlines()]
    assert len(set(pictures)) == 2 * len(APP) + 2 * len(DASHBOARD)
    for picture in pictures:
        assert colours(picture) > FEWEST_COLOURS, picture


def colours(picture: Path) -> int:
    with Image.open(picture) as image:
        found = image.convert("RGB").getcolors(image.width * image.height)
    return len(found or [])
