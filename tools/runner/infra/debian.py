"""Installs Debian packages without starting their services."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from tools.runner.output import progress

_POLICY = Path("/usr/sbin/policy-rc.d")
_STATUS = re.compile(r"^[dp][lm]status:[^:\n]*:([\d.]+):(.*)$", re.MULTILINE)
"""The machine-readable progress of apt-get: percent, and the current step."""


def can_install() -> bool:
    """Return whether this is Debian or a derivative, with root rights."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def is_installed(package: str) -> bool:
    """Return whether a package is installed."""
    command = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout == "installed"


def install(package: str) -> None:
    """Install a package; its service starts neither now nor at the next boot.

    Raises RunnerError with the output of apt-get.
    """
    guarded = not _POLICY.exists()
    if guarded:
        _POLICY.write_text("#!/bin/sh\nexit 101\n")
        _POLICY.chmod(0o755)
    try:
        _apt_get("fetching Debian's list of packages", "update")
        what = f"installing Debian's package {package}"
        _apt_get(what, "install", "-y", "--no-install-recommends", package)
    finally:
        if guarded:
            _POLICY.unlink()
    if shutil.which("systemctl"):
        subprocess.run(["systemctl", "disable", package], capture_output=True, check=False)


def _apt_get(what: str, *arguments: str) -> None:
    command = ["apt-get", "-q", "-o", "APT::Status-Fd=2", *arguments]
    env = dict(os.environ) | {"DEBIAN_FRONTEND": "noninteractive"}
    progress.run(what, command, env=env, how_far=_parse_progress)


def _parse_progress(said: str) -> str:
    statuses = _STATUS.findall(said)
    return f"{float(statuses[-1][0]):.0f} % ({statuses[-1][1]})" if statuses else ""
