"""What was acknowledged is there once, in all lists and counts, whatever died while it was made.

All storms of a set come first, one after the other, each with people of its own; then each is
looked into, so that what heals slowly heals at the same time.
"""

from __future__ import annotations

import pytest

from tests.chaos.conftest import Stage
from tests.chaos.storms import STORMS
from tests.chaos.stream import Cast
from tests.chaos.verdict import settled


@pytest.mark.parametrize("storm", STORMS)
def test_people_get_through_it_when(stage: Stage, storm: str) -> None:
    cast = Cast.of(stage.system, storm)
    try:
        STORMS[storm](stage, cast)
    finally:
        stage.system.all_ready()
    stage.casts[storm] = cast


@pytest.mark.parametrize("storm", STORMS)
def test_nothing_acknowledged_is_lost_or_doubled_when(stage: Stage, storm: str) -> None:
    assert storm in stage.casts, "people did not get through the storm"
    settled(stage.casts[storm])
