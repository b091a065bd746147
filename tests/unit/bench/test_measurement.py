"""In which order servers have their turns, on fake load generators."""

from __future__ import annotations

from typing import cast

import pytest

from bench import measurement as module
from bench.generator import CellResult, LoadGenerator
from bench.home_verifier import HomeVerifier
from bench.measurement import MeasuredServer, MeasurementRounds, UsageProbe
from bench.process_usage import ProcessUsage
from bench.scenarios import COMPOSE, FLOOR, HOME

Turn = tuple[str, str, int]


class FakeGenerator:
    """Notes its turns, and answers each with one request."""

    def __init__(self, name: str, turns: list[Turn]) -> None:
        self._name = name
        self._turns = turns

    async def run(self, kind: str, in_flight: int, seconds: float) -> CellResult:
        self._turns.append((self._name, kind, in_flight))
        posted = [(0, "7")] if kind == COMPOSE else []
        return CellResult([0.1], posted, 0, [], seconds, 0.0)


def server(name: str, turns: list[Turn], *kinds: str) -> MeasuredServer:
    generator = cast("LoadGenerator", FakeGenerator(name, turns))
    return MeasuredServer(generator, UsageProbe(ProcessUsage({})), HomeVerifier([], [[]]), kinds)


@pytest.fixture(autouse=True)
def never_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    async def wait_until_idle(usage: ProcessUsage) -> float:
        return 0.25

    monkeypatch.setattr(module, "wait_until_idle", wait_until_idle)
    monkeypatch.setattr(module, "_MIN_IDLE_SECONDS", 0.0)


async def test_two_servers_alternate_and_every_other_round_is_reversed() -> None:
    turns: list[Turn] = []
    own, other = server("own", turns, FLOOR, HOME), server("other", turns, HOME)
    await MeasurementRounds(own, other).run((1,), 0.02, 2, lambda _: None)
    once = [("own", FLOOR, 1), ("own", HOME, 1), ("other", HOME, 1)]
    assert turns == [*once, *once, *reversed(once)]  # the first turns warm up
    assert [(cell.kind, len(cell.took)) for cell in own.cells] == [(FLOOR, 2), (HOME, 2)]
    assert [(cell.kind, len(cell.took)) for cell in other.cells] == [(HOME, 2)]
    assert own.idle.observed > 0
    assert other.idle.observed > 0


async def test_a_turn_of_writes_ends_when_its_events_are_processed() -> None:
    turns: list[Turn] = []
    own = server("own", turns, COMPOSE, HOME)
    own.verifier = HomeVerifier([], [])
    own.verifier._posts = [[]]
    await MeasurementRounds(own).run((1, 16), 0.02, 1, lambda _: None)
    assert [(cell.kind, cell.in_flight, cell.digesting) for cell in own.cells] == [
        (COMPOSE, 1, [0.25]),
        (HOME, 1, []),
        (COMPOSE, 16, [0.25]),
        (HOME, 16, []),
    ]
    assert own.verifier.post_ids() == ["7"] * 4
