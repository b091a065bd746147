"""Every acknowledged post is in every follower's home once, whatever died while it was made.

All storms of a set come first, one after the other, each with people of its own; then each is
looked into, so that what heals slowly heals at the same time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tests.chaos.conftest import Stage
from tests.chaos.storms import STORMS
from tests.chaos.stream import Cast

HEALED_AFTER = 60.0
"""Seconds after which nothing may be amiss: a note of a dead process counts as decided after 16,
a poll comes every 1.5, and a process that died often is started again after 10 at most."""


@dataclass
class Season:
    """How the storms of one set went."""

    casts: dict[str, Cast] = field(default_factory=dict)
    troubles: dict[str, BaseException] = field(default_factory=dict)


@pytest.fixture(scope="package")
def season(stage: Stage, request: pytest.FixtureRequest) -> Season:
    season = Season()
    for name in _chosen(request, stage.system.components):
        try:
            season.casts[name] = cast = Cast.of(stage.system, name)
            STORMS[name](stage, cast)
        except (Exception, pytest.fail.Exception) as trouble:
            season.troubles[name] = trouble
        stage.system.all_ready()
    return season


def _chosen(request: pytest.FixtureRequest, components: str) -> list[str]:
    """The storms that this run of pytest asks for, for this set."""
    chosen = []
    for item in request.session.items:
        params = getattr(item, "callspec", None) and item.callspec.params  # type: ignore[attr-defined]
        if params and "storm" in params and params["stage"] == components:
            chosen.append(params["storm"])
    return chosen


@pytest.mark.parametrize("storm", STORMS)
def test_nothing_acknowledged_is_lost_or_doubled_when(season: Season, storm: str) -> None:
    if storm in season.troubles:
        raise season.troubles[storm]
    season.casts[storm].settled(HEALED_AFTER)
