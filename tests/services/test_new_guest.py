"""`./tye-like-run.sh new --language` in a copy of the repository: it works, and it goes again."""

from __future__ import annotations

import re
import shutil

import pytest

from tests.scaffold.repository_copy import RepositoryCopy
from tools.runner.config.paths import REPO

PAGE = (REPO / "docs/learn/languages.md").read_text()
COMMANDS = re.findall(r"^(?:\./tye-like-run\.sh|\(cd guests) .*stories.*$", PAGE, re.MULTILINE)
"""What the page has the reader type: made, tested twice, started, taken out."""

NEW = tuple(COMMANDS[0].split()[1:])
FOLDER = "guests/stories-go"


@pytest.mark.skipif(shutil.which("go") is None, reason="there is no Go")
def test_it_builds_and_its_tests_pass(copy: RepositoryCopy) -> None:
    made = copy.runner(*NEW)
    assert made.returncode == 0, made.stderr
    copy.shell(COMMANDS[1])
    copy.shell(f"cd {FOLDER} && go build .")
    copy.shell(COMMANDS[-1])
    assert copy.changes == []
    assert not (copy.path / FOLDER).exists()


def test_it_is_a_folder_that_goes_without_a_trace(copy: RepositoryCopy) -> None:
    made = copy.runner(*NEW)
    assert made.returncode == 0, made.stderr
    assert "new stories --remove" in made.stdout
    assert copy.changes == [f"?? {FOLDER}/"]
    for again in (NEW, ("new", "stories", "--owns", "story")):
        assert 'there is a service "stories" already' in copy.runner(*again).stderr
    rules = copy.path / FOLDER / "domain" / "story.go"
    written = rules.read_text()
    rules.write_text(f"{written}\n// Mine.\n")
    (copy.path / FOLDER / "mine.go").write_text("package main\n")
    refused = copy.runner("new", "stories", "--remove")
    assert refused.returncode == 1
    assert f"{FOLDER}/domain/story.go, {FOLDER}/mine.go" in refused.stderr
    assert copy.runner("new", "stories", "--remove", "--force").returncode == 0
    assert copy.changes == []


def test_what_another_guest_hears_stays(copy: RepositoryCopy) -> None:
    assert copy.runner(*NEW).returncode == 0
    rules = copy.path / "guests/insights-ts/access.yaml"
    rules.write_text(rules.read_text().replace("orders, post", "orders, stories, post"))
    refused = copy.runner("new", "stories", "--remove")
    assert 'insights hear the topic "stories"' in refused.stderr


def test_what_cannot_be_is_refused_and_writes_nothing(copy: RepositoryCopy) -> None:
    for arguments, why in (
        (["stories", "--language", "typescript", "--owns", "story"], "writes no service in Type"),
        (["posts", "--language", "go", "--owns", "post"], 'there is a service "posts" already'),
        (["insights", "--language", "go", "--owns", "insight"], '"insights" already'),
        (["stories", "--language", "go"], "say what it owns"),
        (["insights", "--remove"], "guests/insights-ts is not as `new` writes a service"),
    ):
        answer = copy.runner("new", *arguments)
        assert answer.returncode == 1, arguments
        assert why in answer.stderr, (arguments, answer.stderr)
    assert copy.changes == []
