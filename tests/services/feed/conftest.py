"""What the tests of the feed share."""

from __future__ import annotations

import pytest


@pytest.fixture
def like() -> str:
    """The store that the fake one is like; a test may have it parametrized."""
    return "sqlite"
