"""Installs Debian packages without letting Debian start their services."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from tools.runner.output import progress

_POLICY = Path("/usr/sbin/policy-rc.d")
_STATUS = re.compile(r"^[dp][lm]status:[^:\n]*:([\d.]+):(.*)$", re.MULTILINE)
"""How apt-get tells programs how far it is: in percent, and what it does."""


def can_install() -> bool:
    """Tell whether this is Debian or alike, and we are root."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(package: str) -> None:
    """Install a package; its service is neither started now nor at the next boot.

    Raises RunnerError with what apt-get said.
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
    progress.run(what, command, env=env, how_far=_how_far)


def _how_far(said: str) -> str:
    told = _STATUS.findall(said)
    return f"{float(told[-1][0]):.0f} % ({told[-1][1]})" if told else ""
