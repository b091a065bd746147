"""Prometheus' own checks, where they are installed."""

from __future__ import annotations

import shutil
import subprocess

import pytest

PACKAGES = {"promtool": "prometheus", "amtool": "prometheus-alertmanager"}


def check(program: str, *arguments: str) -> None:
    """Run `promtool` or `amtool`, and fail with what it prints."""
    path = shutil.which(program)
    if path is None:
        package = PACKAGES[program]
        pytest.skip(
            f"{program} is not installed: on Debian as root, "
            f"`apt-get install --no-install-recommends {package}`"
        )
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
