"""A generated guest beside real sidecars, and in the tests that name every guest.

Not among the tests of `test` without arguments: it takes minutes, and
tests/services/test_new_guest.py finds most faults sooner. Run it after a change of a template.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence

import pytest

from services.chassis.security.access_rules import ADDITIONS
from tests.scaffold.repository_copy import RepositoryCopy

pytestmark = pytest.mark.skipif(shutil.which("go") is None, reason="there is no Go")

PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
COMMANDS: dict[str, Sequence[str]] = {
    "it keeps the protocol": ("-m", "tools.runner", "conform", "stories"),
    "rules of all guests": (*PYTEST, "tests/unit/guests", "tests/unit/contracts"),
    "links": (*PYTEST, "tests/unit/test_links.py", "tests/unit/test_language.py"),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> RepositoryCopy:
    copy = RepositoryCopy.make(tmp_path_factory.mktemp("generated-guest") / "copy")
    made = copy.runner("new", "stories", "--language", "go", "--owns", "story", "--hears", "posts")
    assert made.returncode == 0, made.stderr
    return copy


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
def test_the_copy_passes(copy: RepositoryCopy, command: Sequence[str]) -> None:
    copy.python(*command)


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
