"""Which names a new service may have."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.chassis.security.access_rules import read_access
from tools.runner.errors import RunnerError
from tools.scaffold.new_service import NewService, require_file_of_archives

NEW = NewService("qwertyuiops", "qwertyuiop", "qwertyuiop-changed", ("posts",))


def test_what_git_leaves_of_an_older_try_takes_no_name(tmp_path: Path) -> None:
    compiled = tmp_path / "services/qwertyuiops/__pycache__/app.cpython-311.pyc"
    compiled.parent.mkdir(parents=True)
    compiled.touch()
    NEW.check(tmp_path, read_access())


def test_files_of_somebody_else_do(tmp_path: Path) -> None:
    own = tmp_path / "services/qwertyuiops/app.py"
    own.parent.mkdir(parents=True)
    own.touch()
    with pytest.raises(RunnerError, match="is taken by services/qwertyuiops"):
        NEW.check(tmp_path, read_access())


@pytest.mark.parametrize(
    "name", ["belongings", "bundles", "changes", "deadletters", "events", "healthz", "readyz"]
)
def test_a_route_that_every_service_has_is_no_name(name: str, tmp_path: Path) -> None:
    new = NewService(name, "qwertyuiop", "qwertyuiop-changed")
    with pytest.raises(RunnerError, match=f'every service has a route "/{name}"'):
        new.check(tmp_path, read_access())


@pytest.mark.parametrize("name", ["lists", "statuses", "timelines"])
def test_what_clients_ask_the_gateway_for_already_is_no_name(name: str, tmp_path: Path) -> None:
    new = NewService(name, "qwertyuiop", "qwertyuiop-changed")
    with pytest.raises(RunnerError, match=f'has routes "/api/v1/{name}" already'):
        new.check(tmp_path, read_access())


def test_a_noun_that_every_contract_has_is_refused(tmp_path: Path) -> None:
    new = NewService("qwertyuiops", "error", "error-changed")
    with pytest.raises(RunnerError, match='"error" cannot be the noun'):
        new.check(tmp_path, read_access())


@pytest.mark.parametrize("word", ["x", "x" * 17, "story2", "my-story", "Story", ""])
def test_a_word_of_other_letters_is_refused_with_what_it_may_have(
    word: str, tmp_path: Path
) -> None:
    for new in (NewService(word, "story", "story-changed"), NewService("stories", word, word)):
        with pytest.raises(RunnerError, match="use 2 to 16 letters from a to z, without digits"):
            new.check(tmp_path, read_access())


def test_a_word_that_the_code_uses_is_refused_as_such(tmp_path: Path) -> None:
    for word in ("class", "list", "owner"):
        with pytest.raises(RunnerError, match="the code uses that word for something else"):
            NewService("qwertyuiops", word, f"{word}-changed").check(tmp_path, read_access())


def test_an_installed_package_is_no_name(tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match='"fastapi" is the name of an installed package'):
        NewService("fastapi", "story", "story-changed").check(tmp_path, read_access())


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("tests/services/posts/conformance.py", ""),
        ("guests/posts-go/access.yaml", "# Written by `new posts --language go --owns post`"),
    ],
)
def test_only_what_new_wrote_is_offered_to_be_taken_out(
    file: str, text: str, tmp_path: Path
) -> None:
    new = NewService("posts", "post", "post-changed")
    with pytest.raises(RunnerError, match=r"Choose another name$"):
        new.check(tmp_path, read_access())
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(text)
    with pytest.raises(RunnerError, match="take that one out with `new posts --remove`"):
        new.check(tmp_path, read_access())


def test_only_a_service_in_python_needs_a_file_of_its_own_in_archives(tmp_path: Path) -> None:
    new = NewService("notes", "note", "note-changed")
    new.check(tmp_path, read_access())  # all that a guest is asked for
    with pytest.raises(RunnerError, match=r"services/media/exports/steps\.py"):
        require_file_of_archives(new)
