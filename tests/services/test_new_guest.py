"""`./tye-like-run.sh new --language` in a copy of the repository: it works, and it goes again."""

from __future__ import annotations

import re
import shutil

import pytest

from tests.scaffold.repository_copy import RepositoryCopy
from tests.unit.guests.typescript import can_compile
from tools.runner.config.paths import REPO

PAGE = (REPO / "docs/learn/languages.md").read_text()
BLOCKS = re.findall(r"^```\n(\./tye-like-run\.sh new .*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS: dict[str, list[str]] = {block.split()[4]: block.splitlines() for block in BLOCKS}
"""What the page has the reader type, by language: made, tested twice, started, taken out."""

FOLDERS = {"go": "guests/stories-go", "typescript": "guests/stories-ts"}
RULES = {"go": "domain/story.go", "typescript": "src/domain/story.ts"}
EVERY_LANGUAGE = pytest.mark.parametrize("language", FOLDERS)


def new(language: str) -> list[str]:
    """The words of the page's first command."""
    return COMMANDS[language][0].split()[1:]


def require_compiler(language: str) -> None:
    """Skip a test where the language cannot be compiled."""
    if not (can_compile() if language == "typescript" else shutil.which("go")):
        pytest.skip(f"there is no compiler of {language}")


@EVERY_LANGUAGE
def test_it_builds_and_its_tests_pass(copy: RepositoryCopy, language: str) -> None:
    require_compiler(language)
    made = copy.runner(*new(language))
    assert made.returncode == 0, made.stderr
    copy.shell(COMMANDS[language][1])
    if language == "go":
        copy.shell(f"cd {FOLDERS[language]} && go build .")
    copy.shell(COMMANDS[language][-1])
    assert copy.changes == []
    assert not (copy.path / FOLDERS[language]).exists()


@EVERY_LANGUAGE
def test_it_is_a_folder_that_goes_without_a_trace(copy: RepositoryCopy, language: str) -> None:
    folder, rule = FOLDERS[language], RULES[language]
    made = copy.runner(*new(language))
    assert made.returncode == 0, made.stderr
    assert "new stories --remove" in made.stdout
    assert copy.changes == [f"?? {folder}/"]
    for again in (new(language), ("new", "stories", "--owns", "story")):
        assert 'there is a service "stories" already' in copy.runner(*again).stderr
    written = (copy.path / folder / rule).read_text()
    (copy.path / folder / rule).write_text(f"{written}\n// Mine.\n")
    (copy.path / folder / "src").mkdir(exist_ok=True)
    (copy.path / folder / "src/mine.txt").write_text("Mine.\n")
    refused = copy.runner("new", "stories", "--remove")
    assert refused.returncode == 1
    assert f"{folder}/{rule}, {folder}/src/mine.txt" in refused.stderr
    assert copy.runner("new", "stories", "--remove", "--force").returncode == 0
    assert copy.changes == []


def test_what_another_guest_hears_stays(copy: RepositoryCopy) -> None:
    assert copy.runner(*new("go")).returncode == 0
    rules = copy.path / "guests/insights-ts/access.yaml"
    rules.write_text(rules.read_text().replace("orders, post", "orders, stories, post"))
    refused = copy.runner("new", "stories", "--remove")
    assert 'insights hear the topic "stories"' in refused.stderr


def test_what_cannot_be_is_refused_and_writes_nothing(copy: RepositoryCopy) -> None:
    for arguments, why in (
        ([*new("typescript")[1:], "--tells", "story-changed"], "guests/ts has no journal"),
        (["posts", "--language", "go", "--owns", "post"], 'there is a service "posts" already'),
        (["insights", "--language", "go", "--owns", "insight"], '"insights" already'),
        (["stories", "--language", "go"], "say what it owns"),
        (["insights", "--remove"], "guests/insights-ts is not as `new` writes a service"),
    ):
        answer = copy.runner("new", *arguments)
        assert answer.returncode == 1, arguments
        assert why in answer.stderr, (arguments, answer.stderr)
    assert copy.changes == []
