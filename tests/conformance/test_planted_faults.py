"""The kit finds a fault against each rule. Only with `conform --planted`: each starts a system."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conformance.kit import COMMAND, PLANTED, SUBJECTS
from tests.conformance.planted.faults import FAULTS
from tools.runner.config.paths import REPO

PYTEST = (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider")


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name: str) -> None:
    fault = FAULTS[name]
    done = subprocess.run(
        [*PYTEST, "tests/conformance", "-k", fault.found_by],
        cwd=REPO,
        env={variable: value for variable, value in os.environ.items() if variable != PLANTED}
        | {SUBJECTS: fault.app, COMMAND: f"{sys.executable} -m tests.conformance.planted {name}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert " failed" in done.stdout.splitlines()[-1], done.stdout
    assert " error" not in done.stdout.splitlines()[-1], done.stdout
