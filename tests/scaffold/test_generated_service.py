"""A generated service beside real sidecars, and in all tests that name every service.

Not among the tests of `test` without arguments: it takes minutes, and
tests/services/test_new_service.py finds most faults sooner. Run it after a change of a template.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.scaffold.repository_copy import RepositoryCopy

PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
COMMANDS: dict[str, Sequence[str]] = {
    "it keeps the protocol": ("-m", "tools.runner", "conform", "stories"),
    "real sidecars": (*PYTEST, "tests/e2e/test_stories.py", "-k", "embedded"),
    "who may call it": (*PYTEST, "tests/services/test_access_matrix.py", "-k", "stories"),
    "deletions": (*PYTEST, "tests/services/test_deletion_confirmation.py", "-k", "stories"),
    "metrics": (*PYTEST, "tests/services/test_metric_names.py"),
    "types": ("-m", "mypy"),
    "rules of all": (*PYTEST, "tests/unit", "-n", "2"),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> RepositoryCopy:
    copy = RepositoryCopy.make(tmp_path_factory.mktemp("generated") / "copy")
    made = copy.runner("new", "stories", "--owns", "story", "--hears", "posts")
    assert made.returncode == 0, made.stderr
    return copy


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
def test_the_copy_passes(copy: RepositoryCopy, command: Sequence[str]) -> None:
    copy.python(*command)
