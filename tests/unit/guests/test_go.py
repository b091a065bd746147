"""The guests in Go and their library: their form, what the compiler finds, and their own tests."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tools.runner.config.guests import FOLDER

pytestmark = pytest.mark.skipif(shutil.which("go") is None, reason="there is no Go")


@pytest.mark.parametrize("command", ["go vet ./...", "go vet -tags faults ./...", "go test ./..."])
def test_it_passes(command: str) -> None:
    done = subprocess.run(command.split(), cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_is_formatted() -> None:
    folders = ["go", *(path.name for path in FOLDER.glob("*-go"))]
    done = subprocess.run(
        ["gofmt", "-l", *folders], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_it_needs_the_standard_library_alone() -> None:
    assert "require" not in (FOLDER / "go.mod").read_text()
