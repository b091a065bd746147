"""The stories of a service: those of the kit, and those that it brings itself.

A service that `new` writes has a file `conformance.py`: a guest in its folder, one in Python among
its tests.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from tests.conformance.stories import STORIES
from tests.conformance.story import EventStory
from tools.runner.config.guests import FOLDER
from tools.runner.config.paths import REPO

FILE = "conformance.py"


@cache
def stories_of_service(app: str) -> Sequence[Callable[[], EventStory]]:
    """The stories of a service; empty if nobody wrote one."""
    paths = [*sorted(FOLDER.glob(f"{app}-*/{FILE}")), REPO / "tests/services" / app / FILE]
    return [
        *STORIES.get(app, ()),
        *(each for path in paths if path.exists() for each in _load(path)),
    ]


def _load(path: Path) -> Sequence[Callable[[], EventStory]]:
    spec = importlib.util.spec_from_file_location(f"conformance_of_{path.parent.name}", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Sequence[Callable[[], EventStory]] = module.STORIES
    return found
