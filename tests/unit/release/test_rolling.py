"""What a running system of the last release cannot get while it runs is found."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools.release import rolling
from tools.release.rolling import (
    changed_files,
    changed_schemas,
    release_commit,
    schemas,
    stops_needed,
)

RECORD = "docs/contracts/released/release.json"


def git(root: Path, *arguments: str) -> str:
    """Run git in a repository that nobody configured."""
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    done = subprocess.run(
        ["git", *who, *arguments], cwd=root, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def commit(root: Path, name: str, text: str) -> str:
    """Commit a file; return the commit."""
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", name)
    return git(root, "rev-parse", "HEAD")


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a release and a commit after it."""
    monkeypatch.setattr(rolling, "_released_schemas", dict)
    monkeypatch.setattr(rolling, "schemas", dict)
    git(tmp_path, "init", "--quiet")
    commit(tmp_path, "services/posts/app.py", "one")
    commit(tmp_path, RECORD, "{}")
    commit(tmp_path, "services/posts/app.py", "two")
    return tmp_path


def test_the_release_is_the_commit_that_last_wrote_its_record(history: Path) -> None:
    assert release_commit(history) == git(history, "rev-parse", "HEAD~1")
    newer = commit(history, RECORD, '{"version": "2"}')
    assert release_commit(history) == newer


def test_without_a_release_or_history_there_is_no_commit_and_a_stop_is_needed(
    tmp_path: Path,
) -> None:
    assert release_commit(tmp_path) == ""
    git(tmp_path, "init", "--quiet")
    assert release_commit(tmp_path) == ""
    assert stops_needed(tmp_path) == ["no release before this one is known"]


def test_a_clone_without_history_is_not_taken_for_one_in_which_nothing_changed(
    history: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    clone = tmp_path_factory.mktemp("shallow") / "clone"
    git(history, "clone", "--quiet", "--depth=1", history.as_uri(), str(clone))
    assert git(clone, "log", "--format=%H", "--", RECORD)  # it says that this commit wrote it
    assert release_commit(clone) == ""
    (reason,) = stops_needed(clone)
    assert reason.startswith("this clone has no history")


def test_a_change_of_services_alone_needs_no_stop(history: Path) -> None:
    assert stops_needed(history) == []


@pytest.mark.parametrize(
    "name",
    [
        "dapr.yaml",
        "components/embedded/pubsub.yaml",
        "services/access.yaml",
        "tools/runner/supervisor/process.py",
    ],
)
def test_what_is_read_at_the_start_needs_a_stop_also_before_it_is_committed(
    history: Path, name: str
) -> None:
    commit(history, name, "new")
    (found,) = stops_needed(history)
    assert found.endswith("changed, which is read at the start only")
    assert name.startswith(found.split()[0])
    (history / "dapr.yaml").write_text("not committed")
    assert any(reason.startswith("dapr.yaml changed") for reason in stops_needed(history))


@pytest.mark.parametrize("name", ["tools/runner/cli.py", "tools/runner/commands/status.py"])
def test_commands_and_their_help_are_read_when_somebody_types_them(
    history: Path, name: str
) -> None:
    commit(history, name, "new")
    assert stops_needed(history) == []


def test_what_differs_from_a_release_is_also_what_is_not_committed(history: Path) -> None:
    commit(history, ".gitignore", ".run\n")
    head = git(history, "rev-parse", "HEAD")
    assert changed_files(history, head) == []
    for name in (".run", "new.py", "services/posts/app.py"):
        (history / name).write_text("changed")
    assert sorted(changed_files(history, head)) == ["new.py", "services/posts/app.py"]


def test_a_schema_that_the_last_release_does_not_read_needs_a_stop() -> None:
    last = {"posts": {"post": 2, "mark": 1, "gone": 3}}
    now = {"posts": {"post": 3, "mark": 1, "new": 9}, "stories": {"story": 1}}
    (found,) = changed_schemas(last, now)
    assert found == "posts stores post with schema 3, and the last release reads 2 at most"


def test_all_services_tell_the_schemas_of_what_they_store() -> None:
    found = schemas()
    assert found["posts"]["post"] >= 2
    assert {"auth", "users", "feed", "orders"} <= found.keys()
