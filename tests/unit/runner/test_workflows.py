"""Workflows of the pipeline are checked where actionlint can be had, and refused if wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools.runner.commands import checks, workflows
from tools.runner.errors import RunnerError

BROKEN = """\
on: push
jobs:
  one:
    runs-on: ubuntu-24.04
    needs: another
    steps:
      - run: echo ${{ nothing.here }}
"""


@pytest.fixture
def _actionlint() -> None:
    try:
        workflows.require_actionlint()
    except RunnerError as error:
        pytest.skip(str(error))


@pytest.mark.usefixtures("_actionlint")
def test_our_workflows_are_valid() -> None:
    assert workflows.lint() == (0, "")


@pytest.mark.usefixtures("_actionlint")
def test_a_broken_workflow_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "ci.yaml").write_text(BROKEN)
    code, said = workflows.lint(tmp_path)
    assert code != 0
    assert "another" in said
    assert "nothing" in said


def test_without_go_the_check_is_skipped_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    code, said = workflows.lint()
    assert (code, said) == (0, "skipped: Go is not on PATH")
    stage = checks.StageResult("workflows", code, 0.1, said)
    assert stage.ok
    assert str(stage).endswith("skipped: Go is not on PATH")


@pytest.mark.parametrize(
    "path", sorted(workflows.FOLDER.glob("*.y*ml")), ids=lambda path: path.name
)
def test_actions_are_pinned_by_their_commit_and_name_their_version(path: Path) -> None:
    used = [line.strip() for line in path.read_text().splitlines() if "uses: " in line]
    pinned = re.compile(r"(- )?uses: [\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+(: .+)?")
    assert used
    assert [line for line in used if not pinned.fullmatch(line)] == []
