"""One system for each component set, whose services look out for traps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.chaos.stream import Cast
from tests.chaos.traps import Traps
from tests.system import SETS, System, started


@dataclass(frozen=True)
class Stage:
    """A system to break, the traps in it, and by storm who got through it."""

    system: System
    traps: Traps
    casts: dict[str, Cast] = field(default_factory=dict)


@pytest.fixture(scope="package", params=SETS)
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    components: str = request.param
    folder = tmp_path_factory.mktemp(f"chaos-{components}")
    traps = Traps(folder / "traps")
    with started(components, folder, env=traps.env) as system:
        yield Stage(system, traps)
