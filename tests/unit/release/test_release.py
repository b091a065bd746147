"""A release is made of a tree that agrees with itself, and of no other one."""

from __future__ import annotations

import json
import shutil
from datetime import date
from functools import partial
from pathlib import Path

import pytest

from tools.contracts.breaking import __main__ as gate
from tools.contracts.breaking.__main__ import RELEASED, write_released
from tools.release import checks, command
from tools.release.changelog import sections
from tools.release.versions import PLACES, SemanticVersion, current, write_version
from tools.runner.config.paths import REPO
from tools.runner.errors import RunnerError

TODAY = date(2026, 12, 24)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what a release reads and writes, with an entry in the change log.

    Its contracts are those of the last release.
    """
    for place in (*PLACES, "CHANGELOG.md"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(REPO / place, tmp_path / place)
    shutil.copytree(RELEASED, tmp_path / "released")
    changelog, released = tmp_path / "CHANGELOG.md", tmp_path / "released"
    changelog.write_text(f"# Changes\n\n## {current(tmp_path)} (not released)\n- Something new.\n")
    (released / "release.json").unlink(missing_ok=True)
    for module in (checks, command):
        monkeypatch.setattr(module, "REPO", tmp_path)
        monkeypatch.setattr(module, "CHANGELOG", changelog)
        monkeypatch.setattr(module, "RECORD", released / "release.json")
        monkeypatch.setattr(module, "RELEASED", released)
    monkeypatch.setattr(command, "OUTPUT", tmp_path / "out")
    monkeypatch.setattr(command, "write_released", lambda: None)
    monkeypatch.setattr(command, "schemas", lambda: {"posts": {"post": 2}})
    monkeypatch.setattr(command, "stops_needed", list)
    for name, found in {"stale": [], "unaccepted": [], "breaks": False, "differs": False}.items():
        monkeypatch.setattr(checks, name, partial(_return, found))
    return tmp_path


def _return(found: object) -> object:
    return found


def test_this_tree_may_be_released() -> None:
    assert checks.problems() == []


def test_contracts_that_are_copied_do_not_differ_and_one_that_is_changed_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = tmp_path / "released"
    write_released(released)
    monkeypatch.setattr(checks, "RELEASED", released)
    assert not checks.differs()
    (released / "access.json").write_text("{}")
    assert checks.differs()


def test_contracts_of_which_only_the_version_differs_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contracts, released = tmp_path / "contracts", tmp_path / "released"
    shutil.copytree(gate.CONTRACTS, contracts)
    write_released(released)
    monkeypatch.setattr(checks, "RELEASED", released)
    monkeypatch.setattr(gate, "CONTRACTS", contracts)
    document = contracts / "gateway.openapi.json"
    named = json.loads(document.read_text())
    assert named["info"]["version"] == str(current(REPO))
    named["info"]["version"] = "7.8.9"
    document.write_text(json.dumps(named))
    assert not checks.differs()
    named["paths"].popitem()
    document.write_text(json.dumps(named))
    assert checks.differs()


def test_the_contracts_of_a_removed_service_are_not_those_of_the_next_release(
    tmp_path: Path,
) -> None:
    for name in ("gone.openapi.json", "gone.proto.json"):
        (tmp_path / name).write_text("{}")
    write_released(tmp_path)
    assert [path.name for path in tmp_path.glob("gone.*")] == []
    assert (tmp_path / "posts.openapi.json").exists()


def test_a_release_writes_its_date_its_record_its_notes_and_the_message_of_its_tag(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    version = str(current(tree))
    assert command.release(TODAY) == 0
    assert sections((tree / "CHANGELOG.md").read_text())[0].when == "2026-12-24"
    record = json.loads((tree / "released" / "release.json").read_text())
    notes = (tree / "out" / "notes.md").read_text()
    assert "- Something new." in notes
    assert record == {"version": version, "schemas": {"posts": {"post": 2}}, "notes": notes}
    message = (tree / "out" / "tag-message.txt").read_text()
    assert message.startswith(f"Microgram {version}\n\n- Something new.")
    commands = capsys.readouterr().out
    assert "git add CHANGELOG.md docs/contracts/released" in commands  # the record is a new file
    assert f"git tag --annotate v{version}" in commands


def test_a_tag_needs_a_release_of_its_version(tree: Path) -> None:
    version = current(tree)
    assert any("is not released" in each for each in checks.tag_problems(f"v{version}"))
    command.release(TODAY)
    assert checks.tag_problems(f"v{version}") == []
    assert any("is not v" in each for each in checks.tag_problems("v7.7.7"))


def test_a_version_is_released_once(tree: Path) -> None:
    command.release(TODAY)
    with pytest.raises(RunnerError, match="is released already"):
        command.release(TODAY)


def test_a_tree_that_disagrees_with_itself_is_refused_and_nothing_is_written(tree: Path) -> None:
    other = tree / "docs/kubernetes.md"
    other.write_text(other.read_text().replace(str(current(tree)), "7.7.7"))
    before = (tree / "CHANGELOG.md").read_text()
    with pytest.raises(RunnerError, match=r"docs/kubernetes\.md:\d+ names 7\.7\.7"):
        command.release(TODAY)
    assert (tree / "CHANGELOG.md").read_text() == before
    assert not (tree / "released" / "release.json").exists()


def test_a_change_log_of_another_version_is_refused(tree: Path) -> None:
    write_version(tree, SemanticVersion(7, 7, 7))
    with pytest.raises(RunnerError, match=r"begins with .*, and the version is 7\.7\.7"):
        command.release(TODAY)


def test_a_release_without_a_word_is_refused(tree: Path) -> None:
    version = current(tree)
    (tree / "CHANGELOG.md").write_text(f"# Changes\n\n## {version} (not released)\n")
    with pytest.raises(RunnerError, match=f"says nothing of {version}"):
        command.release(TODAY)


def test_a_date_without_a_release_is_found(tree: Path) -> None:
    changelog = tree / "CHANGELOG.md"
    changelog.write_text(changelog.read_text().replace("not released", "2026-12-24"))
    assert any("was never released" in each for each in checks.problems())


def test_notes_name_what_breaks_with_the_reason(tree: Path) -> None:
    accepted = tree / "released" / "accepted.yaml"
    accepted.write_text('"posts GET /posts: gone": nobody calls it\n')
    notes = command.release_notes()
    assert "## What breaks\n- `posts GET /posts: gone`: nobody calls it\n" in notes


def test_notes_say_whether_the_upgrade_needs_a_stop(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "without an interruption" in command.release_notes()
    monkeypatch.setattr(command, "stops_needed", lambda: ["dapr.yaml changed"])
    assert "With a stop of some seconds (docs/operating.md):\n- dapr.yaml changed" in (
        command.release_notes()
    )


def test_notes_of_a_released_version_are_those_of_its_release(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "released" / "accepted.yaml").write_text('"posts GET /posts: gone": nobody calls it\n')
    monkeypatch.setattr(command, "stops_needed", lambda: ["dapr.yaml changed"])
    before = command.release_notes()
    command.release(TODAY)
    (tree / "released" / "accepted.yaml").write_text("")
    monkeypatch.setattr(command, "stops_needed", list)
    assert "dapr.yaml changed" in before
    assert command.release_notes() == before
    command.begin("7.8.9")
    assert "dapr.yaml changed" not in command.release_notes()


def test_what_is_added_after_a_release_needs_the_next_version(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command.release(TODAY)
    monkeypatch.setattr(checks, "differs", lambda: True)
    version = current(tree)
    least = version.next(breaks=False, adds=True)
    assert any(f"--next {least}" in each for each in checks.problems())
    command.begin(str(least))
    assert checks.problems() == []


def test_the_next_version_is_named_everywhere_and_begins_a_section(tree: Path) -> None:
    command.release(TODAY)
    command.begin("7.8.9")
    assert current(tree) == SemanticVersion(7, 8, 9)
    newest = sections((tree / "CHANGELOG.md").read_text())[0]
    assert (newest.version, newest.is_released) == ("7.8.9", False)
    assert checks.problems() == []


def test_a_version_that_was_begun_can_become_a_higher_one(tree: Path) -> None:
    command.release(TODAY)
    command.begin("7.8.9")
    command.begin("8.0.0")
    versions = [each.version for each in sections((tree / "CHANGELOG.md").read_text())]
    assert versions[0] == "8.0.0"
    assert "7.8.9" not in versions


@pytest.mark.parametrize("version", ["0.0.1", "one"])
def test_a_version_that_is_none_or_not_above_is_refused(tree: Path, version: str) -> None:
    with pytest.raises(RunnerError, match="is not"):
        command.begin(version)
