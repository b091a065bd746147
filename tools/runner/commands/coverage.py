"""Which lines tests reach: pytest-cov, which is installed beside .venv when it is asked for."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tools.runner.config.paths import REPO, user_cache
from tools.runner.infra import pinned_packages

REQUIREMENTS = REPO / "tools" / "coverage" / "pytest-cov.txt"
OUTPUT = REPO / ".run" / "coverage"
_ADVICE = "Check the network, and run the same command again."


def install() -> Path:
    """Return the folder with pytest-cov; raises RunnerError if it cannot be installed."""
    key = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    home = user_cache() / f"pytest-cov-{key}"
    return pinned_packages.install(REQUIREMENTS, home, "fetching pytest-cov", _ADVICE)


def options() -> list[str]:
    """Return the arguments of pytest by which it writes its reports to `OUTPUT`."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    reports = [f"xml:{OUTPUT / 'coverage.xml'}", f"markdown:{OUTPUT / 'coverage.md'}"]
    return ["--cov=services", *(f"--cov-report={report}" for report in reports)]
