"""The simulation agrees with what was measured, and docs/scale.md with the simulation."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from bench import simulate
from bench.bottlenecks import BOTTLENECKS, Bottleneck
from bench.capacity import BUSY, LARGE, Capacity, post_f
from bench.measured import SERVER_F, SERVICE_F, SIDECAR_F
from bench.page_cache import SimulatedGateway, simulate_turn
from bench.population import MEAN_FOLLOWERS, Population
from bench.social_graph import SocialGraph, make_graph, read_graph
from services.gateway.application.ready_pages import MAX_KEPT
from tools.learn.figures import look_up, section_of

REED = os.environ.get("MICROGRAM_EDGES", "")
"""A file with the edges of the real graph, socfb-Reed98: it is not a part of this repository."""
TOLERANCE = 0.2
"""Of each measured point. The runs had other load beside them."""


def test_the_page_has_the_simulated_tables() -> None:
    page = simulate.PAGE.read_text()
    assert simulate.written(page, simulate.tables(make_graph(1))) == page


@pytest.mark.parametrize("kind", SERVICE_F)
def test_all_services_together_have_the_price_of_the_benchmark(kind: str) -> None:
    page = simulate.PAGE.with_name("benchmark.md").read_text()
    wanted = float(look_up(section_of(page, "a-measured-run"), kind, "f"))
    parts = (*SERVICE_F[kind].values(), *SIDECAR_F[kind].values(), SERVER_F[kind])
    # The page rounds each of the parts, their sum and `f` to hundredths.
    assert sum(parts) == pytest.approx(wanted, rel=0.01, abs=0.02)


@pytest.mark.parametrize("check", simulate.checks(make_graph(1)), ids=lambda check: check.what)
def test_the_simulation_agrees_with_what_was_measured(check: simulate.Check) -> None:
    assert abs(check.error) < TOLERANCE


@pytest.mark.skipif(not REED, reason="needs the real graph in a file named by MICROGRAM_EDGES")
def test_the_real_graph_gives_the_same_as_the_generated_one() -> None:
    made, real = simulate.checks(make_graph(1)), simulate.checks(read_graph(Path(REED)))
    for one, other in zip(made, real, strict=True):
        assert one.simulated == pytest.approx(other.simulated, rel=0.06), one.what


# ── populations ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("people", [50, 200, 0])
def test_homes_that_posts_share_are_as_many_as_in_a_graph(people: int) -> None:
    graph = make_graph(1).best_connected(people)
    computed = Population.of_graph(graph).homes_written(64, LARGE)
    assert computed == pytest.approx(_counted(graph, 64), rel=0.03)


def _counted(graph: SocialGraph, posts: int) -> float:
    """Return the homes that are written for each post, by doing it."""
    friends, drawn, rounds = graph.friends(), random.Random(1), 100  # noqa: S311
    homes = 0
    for _ in range(rounds):
        authors = [drawn.randrange(graph.people) for _ in range(posts)]
        homes += len({*authors, *(home for author in authors for home in friends[author])})
    return homes / rounds / posts


@pytest.mark.parametrize("people", simulate.SIZES)
def test_a_population_has_its_size_its_mean_and_its_best_known_account(people: int) -> None:
    population = Population.of_size(people)
    assert population.people == pytest.approx(people)
    assert population.mean_followers == pytest.approx(MEAN_FOLLOWERS, rel=1e-6)
    assert population.groups[0].followers == pytest.approx(people / 10, rel=0.15)


def test_only_accounts_above_the_limit_are_merged() -> None:
    population = Population.of_size(1_000_000)
    assert population.merged(10**9) == 0
    assert population.fanned_out(10**9) == pytest.approx(MEAN_FOLLOWERS + 1)
    assert population.merged(0) == pytest.approx(MEAN_FOLLOWERS)
    assert population.fanned_out(0) == 0


def test_a_post_gets_dearer_with_more_people_until_no_home_is_shared() -> None:
    prices = [post_f(Population.of_size(people)) for people in (1_000, 10_000, 100_000)]
    assert prices == sorted(prices)
    assert prices[2] < prices[1] * 1.1


# ── the cache ───────────────────────────────────────────────────────────────────────────────


def test_a_page_is_ready_until_it_changes_or_is_too_old() -> None:
    gateway = SimulatedGateway()
    page = ("home", 1, 1)
    asked = [(0.0, False), (6.0, True), (MAX_KEPT + 0.1, False), (62.0, True)]
    for now, is_ready in asked:
        gateway.advance(now)
        before = gateway.served.ready.get("home", 0)
        gateway.read("home", page, ("home:1",))
        assert (gateway.served.ready["home"] > before) is is_ready
    gateway.change(0.5, ["home:1"])
    gateway.advance(62.6)
    gateway.read("home", page, ("home:1",))
    assert gateway.served.ready["home"] == 2


def test_more_requests_find_more_ready_pages_and_more_posts_fewer() -> None:
    friends = make_graph(1).best_connected(100).friends()
    few, many = (simulate_turn(friends, rate, 5, (1, 0, 0)) for rate in (20, 200))
    posting = simulate_turn(friends, 200, 5, (80, 0, 20))
    assert posting.share("home") < few.share("home") < many.share("home")


# ── capacity ────────────────────────────────────────────────────────────────────────────────


def test_no_replica_is_busier_than_allowed_and_none_could_be_left_out() -> None:
    capacity = Capacity(100_000_000)
    for app, count in capacity.replicas.items():
        cores = capacity.service_cores[app]
        assert cores / count <= BUSY
        assert count == 2 or cores / (count - 1) > BUSY


def test_ten_times_the_people_need_about_ten_times_the_cores() -> None:
    few, many = (sum(Capacity(people).service_cores.values()) for people in (10**6, 10**7))
    assert many == pytest.approx(10 * few, rel=0.02)


def test_every_measured_kind_counts() -> None:
    assert Capacity(10_000).rates.keys() == SERVICE_F.keys()


@pytest.mark.parametrize("bottleneck", BOTTLENECKS, ids=lambda one: one.what)
def test_a_bottleneck_grows_and_reaches_its_limit_where_it_says(bottleneck: Bottleneck) -> None:
    people = bottleneck.breaks_at()
    assert people is not None
    assert bottleneck.value(people / 2) < bottleneck.limit < bottleneck.value(people * 1.3)
