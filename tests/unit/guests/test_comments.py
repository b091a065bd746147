"""The guest in Go: its form, what its compiler finds, and its own tests."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tools.runner.config.guests import FOLDER

pytestmark = pytest.mark.skipif(shutil.which("go") is None, reason="there is no Go")


@pytest.mark.parametrize(
    "command", ["gofmt -l .", "go vet .", "go vet -tags faults .", "go test ."]
)
def test_it_passes(command: str) -> None:
    done = subprocess.run(
        command.split(),
        cwd=FOLDER / "comments-go",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if command.startswith("gofmt"):
        assert done.stdout == ""
