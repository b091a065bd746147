"""An audit fails for known vulnerabilities, and is skipped with the reason without a database."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tools.runner.commands import audit
from tools.runner.errors import RunnerError
from tools.runner.infra import go_build, pinned_packages

SOUND = {"name": "aiohttp", "version": "3.14", "vulns": []}
UNKNOWN = {"name": "own", "skip_reason": "Dependency not found"}
FLAWED = {
    "name": "pillow",
    "version": "1.0",
    "vulns": [{"id": "CVE-1", "fix_versions": ["1.1"], "aliases": [], "description": ""}],
}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, int, str], None]:
    """Sets what both programs say: Python packages, and exit code and output of govulncheck."""
    monkeypatch.setattr(pinned_packages, "install", lambda *_: None)
    monkeypatch.setattr(go_build, "build", lambda *_: None)
    monkeypatch.setattr(go_build, "go_program", lambda _: "/usr/bin/go")

    def answer(packages: Any, code: int, said: str) -> None:
        def run(command: list[str], *_: object) -> subprocess.CompletedProcess[str]:
            if "pip_audit" in command:
                text = json.dumps({"dependencies": packages}) if packages is not None else ""
                return subprocess.CompletedProcess(command, 0, text, "trace\nno route to host\n")
            assert "./daprd" in command
            return subprocess.CompletedProcess(command, code, said, said)

        monkeypatch.setattr(audit, "_run", run)

    return answer


def report(capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    return audit.audit(), capsys.readouterr().out


def test_what_was_looked_up_is_said(
    answers: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    answers([SOUND, UNKNOWN], 0, "No vulnerabilities found.")
    code, said = report(capsys)
    assert (code, said.count(" ok ")) == (0, 2)
    assert "1 looked up, 1 not" in said


def test_a_known_vulnerability_fails(
    answers: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    answers([SOUND, FLAWED], 0, "")
    code, said = report(capsys)
    assert code == 1
    assert "pillow 1.0: CVE-1, fixed in ['1.1']" in said
    for exit_code, found in ((3, "Vulnerability #1: GO-1"), (2, "panic: of govulncheck itself")):
        answers([SOUND], exit_code, found)
        code, said = report(capsys)
        assert (code, found in said) == (1, True)


def test_without_a_database_an_audit_is_skipped_with_the_reason(
    answers: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    for packages, reason in (([UNKNOWN], "Dependency not found"), (None, "no route to host")):
        answers(packages, 1, "govulncheck: fetching vulnerabilities: no such host")
        code, said = report(capsys)
        assert (code, said.count(" skipped ")) == (0, 2)
        assert reason in said
        assert "no such host" in said


def test_without_a_network_the_tools_cannot_be_fetched(
    answers: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object) -> Path:
        raise RunnerError("fetching failed. Check the network.")

    answers([], 0, "")
    monkeypatch.setattr(pinned_packages, "install", fail)
    monkeypatch.setattr(go_build, "build", fail)
    code, said = report(capsys)
    assert (code, said.count("Check the network")) == (0, 2)
