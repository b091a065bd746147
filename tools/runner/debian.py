"""Installs Debian packages without letting Debian start their services."""

import os
import shutil
import subprocess
from pathlib import Path

from tools.runner.errors import RunnerError

_POLICY = Path("/usr/sbin/policy-rc.d")


def can_install() -> bool:
    """Tell whether this is Debian or alike, and we are root."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(package: str) -> None:
    """Install a package; its service is neither started now nor at the next boot.

    Raises RunnerError with what apt-get said.
    """
    print(f"installing Debian's package {package} …", flush=True)
    guarded = not _POLICY.exists()
    if guarded:
        _POLICY.write_text("#!/bin/sh\nexit 101\n")
        _POLICY.chmod(0o755)
    try:
        _apt_get("update")
        _apt_get("install", "-y", "--no-install-recommends", package)
    finally:
        if guarded:
            _POLICY.unlink()
    if shutil.which("systemctl"):
        subprocess.run(["systemctl", "disable", package], capture_output=True, check=False)


def _apt_get(*arguments: str) -> None:
    done = subprocess.run(
        ["apt-get", "-q", *arguments],
        env=dict(os.environ) | {"DEBIAN_FRONTEND": "noninteractive"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = "\n".join(f"    {line}" for line in (done.stdout + done.stderr).splitlines()[-10:])
        raise RunnerError(f"apt-get {' '.join(arguments)} failed:\n{said}")
