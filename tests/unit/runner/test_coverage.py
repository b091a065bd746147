"""The packages that are installed beside .venv are those of .venv, where it has them."""

from __future__ import annotations

import re
from pathlib import Path

from tools.runner.commands.coverage import REQUIREMENTS
from tools.runner.config.paths import REPO

_PINNED = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)


def pinned(path: Path) -> dict[str, str]:
    """Return the versions of a file of requirements."""
    return dict(_PINNED.findall(path.read_text()))


def test_coverage_runs_the_pytest_of_the_lock() -> None:
    lock, beside = pinned(REPO / "requirements.lock"), pinned(REQUIREMENTS)
    assert {"pytest-cov", "coverage", "pytest"} <= beside.keys()
    assert {name: lock[name] for name in beside if name in lock} == {
        name: version for name, version in beside.items() if name in lock
    }
