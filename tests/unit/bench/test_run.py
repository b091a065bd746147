"""Whole runs, also beside another server, on fake servers of the client API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from rich.progress import Progress

from bench import idle, measurement, server, side_accounts
from bench.options import parse
from bench.results import BenchResults
from bench.run import BenchmarkRun
from bench.scaling import ScalingBenchmark
from bench.scaling_groups import AGE, FOLLOWEES, FOLLOWERS
from bench.scenarios import FLOOR, SCENARIOS
from tests.unit.bench.fake_server import FakeClientApi, serving, ulid_id

KINDS = [
    kind for kind in SCENARIOS if kind not in ("checkout", "picture", "home-html", "home-html-miss")
]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle, "_WINDOW", 0.02)
    monkeypatch.setattr(measurement, "_MIN_IDLE_SECONDS", 0.1)
    for module in (side_accounts, server):
        monkeypatch.setattr(module, "COMMENT_COUNT", 6)
    monkeypatch.setattr(side_accounts, "ACCOUNT_COUNT", 3)


@pytest.fixture
async def process() -> AsyncIterator[int]:
    """Something to measure: a process that does nothing."""
    child = await asyncio.create_subprocess_exec("sleep", "600")
    yield child.pid
    child.kill()
    await child.wait()


@pytest.fixture
def edges(tmp_path: Path) -> Path:
    path = tmp_path / "edges"
    path.write_text("1 2\n2 3\n3 1\n3 4\n")
    return path


async def run(edges: Path, url: str, *options: str, kinds: list[str] | None = None) -> BenchResults:
    given = ["--url", url, "--edges", str(edges), "--posts", "6", "--in-flight", "2"]
    given += ["--rounds", "1", "--seconds", "0.05", "--fan-outs", "2"]
    given += ["--kinds", ",".join(kinds or KINDS), *options]
    return await BenchmarkRun(parse(given), Progress(disable=True)).execute()


async def test_every_scenario_of_both_servers_is_measured(edges: Path, process: int) -> None:
    theirs = FakeClientApi(ulid_id)
    async with serving(FakeClientApi()) as here, serving(theirs) as there:
        outcome = await run(edges, here, "--compare", there, "--pids", str(process))
    assert outcome.errors == 0, [row.samples for row in outcome.own.rows]
    assert outcome.other is not None
    assert [row.kind for row in outcome.own.rows] == KINDS
    assert [row.kind for row in outcome.other.rows] == [kind for kind in KINDS if kind != FLOOR]
    assert all(row.requests for row in (*outcome.own.rows, *outcome.other.rows))
    assert len(outcome.own.fan_outs) == len(outcome.other.fan_outs) == 2
    assert outcome.other.memory["measured"]["other"] > 0
    assert not outcome.own.memory
    assert f"GET /api/v1/timelines/home?limit=20&max_id=7{'Z' * 25}" in theirs.requested


async def test_people_of_another_server_can_come_from_a_file(
    tmp_path: Path, edges: Path, process: int
) -> None:
    theirs = FakeClientApi()
    theirs.names = {str(number): f"p{number}" for number in range(4)}
    tokens = tmp_path / "tokens"
    tokens.write_text("".join(f"{token} {name}\n" for token, name in theirs.names.items()))
    async with serving(FakeClientApi()) as here, serving(theirs) as there:
        other = ["--compare", there, "--pids", str(process), "--tokens", str(tokens)]
        outcome = await run(edges, here, *other, kinds=["home", "compose"])
    assert outcome.errors == 0
    assert len(theirs.names) == 4
    assert "POST /api/v1/accounts" not in theirs.requested


async def test_growth_is_measured_for_every_size_of_each_kind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bench.scaling_groups.READER_COUNT", 2)
    given = ["--growth", "2,25", "--seconds", "0.05", "--fan-outs", "1"]
    async with serving(FakeClientApi()) as here:
        options = parse(["--url", here, *given])
        outcome = await ScalingBenchmark(options, Progress(disable=True)).execute()
    assert outcome.errors == 0, [step.home.samples for step in outcome.steps]
    assert [(step.grows, step.size) for step in outcome.steps] == [
        *((FOLLOWERS, size) for size in (2, 25)),
        *((grows, size) for grows in (FOLLOWEES, AGE) for size in (20, 25)),
    ]
    assert all(step.home.requests and step.floor.requests for step in outcome.steps)
    assert [step.post is not None for step in outcome.steps] == [True, True] + [False] * 4


async def test_a_post_that_a_home_lacks_is_an_error(
    edges: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.home_verifier._STALL_TIMEOUT", 0.1)
    monkeypatch.setattr("bench.fanout._TIMEOUT", 0.1)
    async with serving(FakeClientApi(shows=24)) as here:  # what is loaded
        outcome = await run(edges, here, kinds=["compose"])
    assert outcome.own.lost > 0
    assert outcome.errors == outcome.own.lost
