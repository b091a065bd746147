from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console, Group

from bench.api_client import BenchPerson
from bench.metrics import IdleRates, ScenarioMetrics
from bench.options import SCALING_SIZES, parse
from bench.results import RunConditions
from bench.scaling_groups import (
    AGE,
    FOLLOWEES,
    FOLLOWERS,
    MAX_READER_SIZE,
    READER_COUNT,
    SAMPLE_SIZE,
    ScalingGroup,
    assign_people,
    count_people,
    homes_to_verify,
    reader_sizes,
    sample_followers,
)
from bench.scaling_results import (
    ScalingResults,
    ScalingStep,
    evaluate_growth,
    reader_table,
    scaling_table,
)
from bench.scenarios import PAGE_SIZE
from bench.stats import Latency
from tests.unit.bench.examples import IDLE, fan_out


def people(count: int) -> list[BenchPerson]:
    return [BenchPerson(str(number), "") for number in range(count)]


def groups(*sizes: int) -> list[ScalingGroup]:
    return assign_people(people(count_people(sizes)), sizes)


def cost(milliseconds: float, errors: int = 0) -> ScenarioMetrics:
    return ScenarioMetrics(
        kind="x",
        in_flight=1,
        requests=10,
        per_second=10.0,
        of_floor=None,
        cost_in_floors=None,
        latency=Latency(12.3, 12.3, 12.3, 12.3),
        errors=errors,
        samples=[],
        calls={"state": 1234.5},
        cpu={"gateway": milliseconds},
        generator_cpu=0.0,
        generator_share=0.0,
        digested_after=None,
        sustained=None,
    )


def step(
    size: int, post: float = 100.0, home: float = 4.0, missing: int = 0, errors: int = 0
) -> ScalingStep:
    """A step of which the floor costs 2 ms."""
    spread = [fan_out(10.0, missing), fan_out(10.0)]
    return ScalingStep(FOLLOWERS, size, IDLE, cost(2.0), cost(home, errors), cost(post), spread)


def reader_step(grows: str, size: int, home: float = 4.0) -> ScalingStep:
    return ScalingStep(grows, size, IdleRates({}, {}), cost(2.0), cost(home))


def test_every_size_has_an_author_and_followers_of_its_own() -> None:
    made = groups(1, 30)
    taken = [person.id for group in made for person in (group.author, *group.followers)]
    assert len(taken) == len(set(taken)) == count_people((1, 30))
    assert [(group.grows, group.size, len(group.followers)) for group in made] == [
        (FOLLOWERS, 1, 1),
        (FOLLOWERS, 30, 30),
        *((FOLLOWEES, size, READER_COUNT) for size in (PAGE_SIZE, 30)),
        *((AGE, size, READER_COUNT) for size in (PAGE_SIZE, 30)),
    ]


def test_readers_follow_as_many_as_their_size_says() -> None:
    group = groups(1, 30)[3]
    follows = group.follows()
    assert len(follows) == len(set(follows)) == READER_COUNT * 30
    assert [sum(a == reader for a, _ in follows) for reader in group.readers] == [30] * READER_COUNT


def test_posts_come_before_the_followers_or_after_them() -> None:
    first, *_, last = groups(1, 30)
    assert (first.posts_before, first.posts_after) == (PAGE_SIZE, 0)
    assert (last.posts_before, last.posts_after) == (0, 30)


def test_readers_have_a_full_page_and_not_too_much() -> None:
    assert reader_sizes((1, 10, 100, 5_000, 10_000)) == [PAGE_SIZE, 100, MAX_READER_SIZE]


def test_a_reader_s_home_shows_the_posts_of_their_author_alone() -> None:
    made = groups(1)[:1]
    homes, places = homes_to_verify([made[0], groups(3)[0]])
    assert places == [0, 2]
    for id, place in (("7", 0), ("8", 2)):
        homes.record_post(place, id)
    assert [homes.expected_page(person) for person in range(6)] == [
        *[["7"], ["7"]],
        *[["8"], ["8"], ["8"], ["8"]],
    ]


def test_a_sample_of_many_followers_and_all_of_few_are_watched() -> None:
    assert len({each.id for each in sample_followers(people(1_000), 1)}) == SAMPLE_SIZE
    assert sorted(each.id for each in sample_followers(people(3), 1)) == ["0", "1", "2"]
    assert sample_followers(people(1_000), 1) == sample_followers(people(1_000), 1)


def met(*steps: ScalingStep) -> dict[str, bool]:
    return {target.what: target.met for target in evaluate_growth(steps)}


def test_a_home_page_is_flat_in_followers_followees_and_age() -> None:
    steps = [
        *(step(10), step(1_000, home=5.0)),
        *(reader_step(FOLLOWEES, 20), reader_step(FOLLOWEES, 1_000, home=5.1)),
        *(reader_step(AGE, 20), reader_step(AGE, 1_000, home=4.1)),
    ]
    verdicts = {what: ok for what, ok in met(*steps).items() if what.startswith("home")}
    assert list(verdicts.values()) == [True, False, True]


@pytest.mark.parametrize(
    ("followers", "milliseconds", "ok"),
    [
        (1_010, 108.0, True),  # 1,000 more, of 0.004 times 2 ms each
        (1_010, 108.2, False),
        (10_000, 115.9, True),  # beyond 2,000 nobody more is fanned out to
        (10_000, 116.1, False),
        (1_010, 90.0, True),
    ],
)
def test_a_post_costs_so_much_a_follower_up_to_the_threshold(
    followers: int, milliseconds: float, ok: bool
) -> None:
    verdicts = met(step(10), step(followers, post=milliseconds))
    assert verdicts[f"post, {followers:,} followers: each more than 10"] is ok


def test_incomplete_home_timelines_failed_requests_and_deaths_are_errors() -> None:
    def errors(steps: list[ScalingStep], **restarts: int) -> int:
        return ScalingResults(RunConditions({}, 0.0, restarts), steps).errors

    assert errors([step(10)]) == 0
    assert errors([step(10, missing=1, errors=3)]) == 4
    assert errors([step(10)], feed=2) == 2


def printed(table: Group) -> str:
    console = Console(file=io.StringIO(), width=80, color_system=None)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_tables_fit_eighty_columns_and_lose_nothing() -> None:
    steps = [step(size, post=12345.6, home=12345.6) for size in SCALING_SIZES]
    for text in (printed(scaling_table(steps)), printed(reader_table([reader_step(AGE, 1_000)]))):
        assert "…" not in text
        assert "1,000" in text
        assert all(len(line) <= 80 for line in text.splitlines())


def test_results_are_written_with_their_targets(tmp_path: Path) -> None:
    outcome = ScalingResults(RunConditions({}, 0.0, {}), [step(10), step(100, post=500.0)])
    assert not outcome.meets_targets
    outcome.write(tmp_path / "growth.json")
    read = json.loads((tmp_path / "growth.json").read_text())
    assert [one["size"] for one in read["growth"]] == [10, 100]
    assert read["targets"][-1]["met"] is False


def test_the_option_growth_works_with_and_without_numbers() -> None:
    assert parse([]).growth == ()
    assert parse(["--growth"]).growth == SCALING_SIZES
    assert parse(["--growth", "5,50"]).growth == (5, 50)
    with pytest.raises(SystemExit):
        parse(["--growth", "0"])
