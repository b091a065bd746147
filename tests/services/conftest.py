"""A copy of the repository, for tests that let `new` change it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.scaffold.repository_copy import RepositoryCopy


@pytest.fixture(scope="module")
def whole_copy(tmp_path_factory: pytest.TempPathFactory) -> RepositoryCopy:
    return RepositoryCopy.make(tmp_path_factory.mktemp("new") / "copy")


@pytest.fixture
def copy(whole_copy: RepositoryCopy) -> Iterator[RepositoryCopy]:
    """The copy as it was committed, whatever the test before did to it."""
    yield whole_copy
    whole_copy.git("switch", "--quiet", "--force", "main")
    whole_copy.git("clean", "--quiet", "-d", "--force")
