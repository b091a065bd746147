"""Generated guests beside real sidecars, and in the tests that name every guest.

`test --scaffold` runs it, and `test` does not: it takes minutes, and
tests/services/test_new_guest.py finds most faults sooner. Run it after a change of a template.
"""

from __future__ import annotations

import shutil

import pytest

from services.chassis.security.access_rules import ADDITIONS
from tests.scaffold.repository_copy import RepositoryCopy, has_a_story
from tests.unit.guests.typescript import can_compile

pytestmark = pytest.mark.skipif(
    shutil.which("go") is None or not can_compile(), reason="there is no Go, or no Node"
)

NAMES = {"go": "stories", "typescript": "tides"}
"""A guest in each language, all in one copy."""

PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
RULES_OF_ALL = ("tests/unit/guests", "tests/unit/contracts", "tests/unit/test_language.py")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> RepositoryCopy:
    copy = RepositoryCopy.make(tmp_path_factory.mktemp("generated-guest") / "copy")
    for language, name in NAMES.items():
        owns = ("--owns", "story" if name == "stories" else "tide", "--hears", "posts")
        made = copy.runner("new", name, "--language", language, *owns)
        assert made.returncode == 0, made.stderr
    return copy


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_it_keeps_the_protocol(copy: RepositoryCopy, name: str) -> None:
    copy.python(*has_a_story(name))
    copy.python("-m", "tools.runner", "conform", name)


def test_rules_of_all_guests(copy: RepositoryCopy) -> None:
    copy.python(*PYTEST, *RULES_OF_ALL, "tests/unit/test_links.py")


def test_what_it_tells_reaches_a_service_that_subscribes(copy: RepositoryCopy) -> None:
    rules, main = copy.path / "services/access.yaml", copy.path / "guests/stories-go/main.go"
    before = rules.read_text(), main.read_text()
    others, own = before[0].split("\n  comments:\n")
    own = own.replace("subscribes: [", "subscribes: [stories, ", 1)
    rules.write_text(f"{others}\n  comments:\n{own}")
    main.write_text(before[1].replace("(repository.changes)", '(repository.changes, "comments")'))
    additions = {ADDITIONS: str(copy.path / "guests/stories-go/access.yaml")}
    try:
        module = "tests.scaffold.guest_at_work"
        copy.python("-m", module, "stories", "comments", env=additions)
    finally:
        rules.write_text(before[0])
        main.write_text(before[1])
