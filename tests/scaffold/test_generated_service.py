"""A generated service beside real sidecars, and in all tests that name every service.

`test --scaffold` runs it, and `test` does not: it takes minutes, and
tests/services/test_new_service.py finds most faults sooner. Run it after a change of a template.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.scaffold.repository_copy import RepositoryCopy, has_a_story, tutorial_commands

pytestmark = pytest.mark.timeout(3600)  # a busy machine took 902 s for one command

PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
APART = (
    *("auth", "bench", "comments", "demo", "feed", "guests", "matrix", "media", "notifications"),
    *("orders", "payments", "posts", "shared", "users"),
    *("runner/test_migrate.py", "runner/test_scaling.py", "runner/test_copied_stores.py"),
)
"""Unit tests that a new service cannot change: each is about one part that knows no list of them.
They took 188 of the 383 s of all, in a run on a busy machine."""

CONFORM = ("-m", "tools.runner", "conform", "stories")
REAL_SIDECARS = (*PYTEST, "tests/e2e/test_stories.py", "-k", "embedded")
ALL_SERVICES = (
    *(*PYTEST, "tests/services/test_access_matrix.py", "-k", "stories or metric_names"),
    *("tests/services/test_deletion_confirmation.py", "tests/services/test_metric_names.py"),
)
TYPES = ("-m", "mypy", "--cache-dir", "../mypy")
"""Both copies are in one folder, so the second check has what the first one found."""

RULES_OF_ALL = (
    *(*PYTEST, "tests/unit", "-n", "2"),
    *(f"--ignore=tests/unit/{each}" for each in APART),
)
GENERATED: dict[str, Sequence[str]] = {
    "it brings a story": has_a_story("stories"),
    "it keeps the protocol": CONFORM,
    "real sidecars": REAL_SIDECARS,
    "tests of all services": ALL_SERVICES,
    "types": TYPES,
}
TUTORIAL: dict[str, Sequence[str]] = {
    "it keeps the protocol": CONFORM,
    "real sidecars": REAL_SIDECARS,
    "types": TYPES,
    "rules of all": RULES_OF_ALL,
}
"""What the service that docs/learn/stories.md builds must pass too; the page runs its own tests. It
has all that the generated one has, and is named wherever that is, so the rules of all are tested
once."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("generated")


@pytest.fixture(scope="module")
def copy(folder: Path) -> RepositoryCopy:
    copy = RepositoryCopy.make(folder / "copy")
    made = copy.runner("new", "stories", "--owns", "story", "--hears", "posts")
    assert made.returncode == 0, made.stderr
    return copy


@pytest.fixture(scope="module")
def built(folder: Path) -> RepositoryCopy:
    copy = RepositoryCopy.make(folder / "tutorial")
    for command in tutorial_commands(copy)[0]:
        if "pytest" not in command:
            copy.shell(command)
    return copy


@pytest.mark.parametrize("command", GENERATED.values(), ids=GENERATED.keys())
def test_the_copy_passes(copy: RepositoryCopy, command: Sequence[str]) -> None:
    copy.python(*command)


@pytest.mark.parametrize("command", TUTORIAL.values(), ids=TUTORIAL.keys())
def test_the_service_of_the_tutorial_passes(built: RepositoryCopy, command: Sequence[str]) -> None:
    built.python(*command)
