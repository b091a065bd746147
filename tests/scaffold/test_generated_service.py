"""A generated service beside real sidecars, and in all tests that name every service.

Not among the tests of `test` without arguments: it takes minutes, and
tests/services/test_new_service.py finds most faults sooner. Run it after a change of a template.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.scaffold.repository_copy import RepositoryCopy, tutorial_commands

pytestmark = pytest.mark.timeout(3600)  # a busy machine took 902 s for one command

PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
APART = (
    *("auth", "bench", "comments", "demo", "feed", "guests", "matrix", "media", "notifications"),
    *("orders", "payments", "posts", "shared", "users"),
    *("runner/test_migrate.py", "runner/test_scaling.py", "runner/test_copied_stores.py"),
)
"""Unit tests that a new service cannot change: each is about one part that knows no list of them.
They took 188 of the 383 s of all, in a run on a busy machine."""

COMMANDS: dict[str, Sequence[str]] = {
    "it keeps the protocol": ("-m", "tools.runner", "conform", "stories"),
    "real sidecars": (*PYTEST, "tests/e2e/test_stories.py", "-k", "embedded"),
    "who may call it": (*PYTEST, "tests/services/test_access_matrix.py", "-k", "stories"),
    "deletions": (*PYTEST, "tests/services/test_deletion_confirmation.py", "-k", "stories"),
    "metrics": (*PYTEST, "tests/services/test_metric_names.py"),
    "types": ("-m", "mypy"),
    "rules of all": (
        *PYTEST,
        "tests/unit",
        "-n",
        "2",
        *(f"--ignore=tests/unit/{each}" for each in APART),
    ),
}


TUTORIAL = ("it keeps the protocol", "real sidecars", "types", "rules of all")
"""What the service that docs/learn/stories.md builds must pass too; the page runs its own tests."""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> RepositoryCopy:
    copy = RepositoryCopy.make(tmp_path_factory.mktemp("generated") / "copy")
    made = copy.runner("new", "stories", "--owns", "story", "--hears", "posts")
    assert made.returncode == 0, made.stderr
    return copy


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> RepositoryCopy:
    copy = RepositoryCopy.make(tmp_path_factory.mktemp("tutorial") / "copy")
    for command in tutorial_commands(copy):
        if "pytest" not in command:
            copy.shell(command)
    return copy


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
def test_the_copy_passes(copy: RepositoryCopy, command: Sequence[str]) -> None:
    copy.python(*command)


@pytest.mark.parametrize("name", TUTORIAL)
def test_the_service_of_the_tutorial_passes(built: RepositoryCopy, name: str) -> None:
    built.python(*COMMANDS[name])
