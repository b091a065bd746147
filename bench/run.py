"""One run: start, load, measure, verify."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.progress import Progress

from bench.api_client import BenchClient
from bench.dataset_loader import LoadedDataset, load_dataset
from bench.fanout import FanOutResult, measure_fan_out
from bench.generator import LoadGenerator
from bench.idle import ForeignLoad, IdleDetector, wait_until_idle
from bench.measurement import MeasurementRounds, UsageProbe
from bench.metrics import compute_idle_rates, compute_metrics
from bench.options import BenchOptions
from bench.process_usage import ProcessUsage
from bench.results import BenchResults
from bench.scenarios import FOLLOW, NOTIFICATIONS, PICTURE, THREAD, ScenarioData, make_picture
from bench.side_accounts import COMMENT_COUNT, SideAccounts, create_side_accounts
from bench.social_graph import SocialGraph, make_graph, read_graph
from bench.system import BenchSystem

SIDE_ACCOUNT_SCENARIOS = frozenset({FOLLOW, NOTIFICATIONS, THREAD})
"""Scenarios that need side accounts, likes or a long thread."""


class BenchmarkRun:
    """Runs the benchmark with its options."""

    def __init__(self, options: BenchOptions, progress: Progress) -> None:
        self._options = options
        self._progress = progress
        self._memory: dict[str, dict[str, float]] = {}

    async def execute(self) -> BenchResults:
        """Start the system, measure it, and stop it in any case."""
        options = self._options
        graph = _graph(options)
        starting = self._progress.add_task("starting", total=1)
        async with BenchSystem(options.system) as system, BenchClient(system.url) as client:
            self._progress.advance(starting)
            usage = ProcessUsage(system.report)
            self._record_memory(usage, "started")
            loaded = await load_dataset(
                client, graph, options.posts, options.seed, self._progress, IdleDetector(usage)
            )
            guests = SideAccounts()
            if SIDE_ACCOUNT_SCENARIOS & set(options.kinds):
                guests = await create_side_accounts(client, loaded, options.seed, self._progress)
            await wait_until_idle(usage)
            self._record_memory(usage, "loaded")
            foreign_load = ForeignLoad(usage)
            async with LoadGenerator(self._scenario_data(system.url, loaded, guests)) as generator:
                rounds = MeasurementRounds(generator, UsageProbe(system, usage), loaded.homes)
                await self._measure(rounds)
            fan_outs = await self._fan_out(client, usage, loaded)
            wrong = await loaded.homes.wait_until_complete(
                client, self._progress, "homes are right", IdleDetector(usage)
            )
            self._record_memory(usage, "measured")
            elsewhere = foreign_load.share()
            restarts = await system.restarts()
        idle = compute_idle_rates(rounds.idle)
        return BenchResults(
            about=self._about(system, graph),
            followers=len(loaded.friends[0]),
            phases=loaded.phases,
            rows=compute_metrics(rounds.cells, idle),
            idle=idle,
            memory=self._memory,
            fan_outs=fan_outs,
            wrong_homes=len(wrong),
            elsewhere=elsewhere,
            restarts=restarts,
        )

    def _record_memory(self, usage: ProcessUsage, stage: str) -> None:
        if usage.kinds:
            self._memory[stage] = usage.memory()

    def _scenario_data(self, url: str, loaded: LoadedDataset, guests: SideAccounts) -> ScenarioData:
        everybody = range(len(loaded.people))
        return ScenarioData(
            url=url,
            tokens=[person.token for person in loaded.people],
            ids=[person.id for person in loaded.people],
            home_rows=[loaded.homes.home_size(person) for person in everybody],
            author_rows=[loaded.homes.post_count(person) for person in everybody],
            seed=self._options.seed,
            picture=make_picture().hex() if PICTURE in self._options.kinds else "",
            names=[person.name for person in loaded.people],
            posts=loaded.homes.post_ids(),
            notices=[len(friends) for friends in loaded.friends],
            guests=[[guest.id, guest.token] for guest in guests.people],
            thread=guests.thread,
            comments=COMMENT_COUNT if guests.thread else 0,
        )

    async def _measure(self, rounds: MeasurementRounds) -> None:
        options = self._options
        cells = len(options.kinds) * len(options.in_flight)
        turns = cells + options.rounds * (1 + cells)
        bar = self._progress.add_task("measuring", total=turns)

        def tick(what: str) -> None:
            self._progress.update(bar, advance=1, description=f"measured {what}")

        await rounds.run(options.kinds, options.in_flight, options.seconds, options.rounds, tick)

    async def _fan_out(
        self, client: BenchClient, usage: ProcessUsage, loaded: LoadedDataset
    ) -> list[FanOutResult]:
        followers = [loaded.people[friend] for friend in loaded.friends[0]]
        bar = self._progress.add_task("fan-out", total=self._options.fan_outs)
        seen: list[FanOutResult] = []
        for number in range(self._options.fan_outs):
            await wait_until_idle(usage)
            text = f"For everybody at once, number {number}."
            id, one = await measure_fan_out(client, loaded.people[0], followers, text)
            loaded.homes.record_post(0, id)
            seen.append(one)
            self._progress.advance(bar)
        return seen

    def _about(self, system: BenchSystem, graph: SocialGraph) -> dict[str, Any]:
        options = self._options
        return {
            "system": {
                "components": system.components,
                "replicas": options.system.replicas,
                "started_in": system.started_in,
                "is_counted": system.call_counts is not None,
            },
            "graph": {
                "file": options.edges.name if options.edges else "made",
                "people": graph.people,
                "edges": len(graph.edges),
                "posts_each": options.posts,
            },
            "asked": {
                key: value
                for key, value in asdict(options).items()
                if key in ("kinds", "in_flight", "seconds", "rounds", "fan_outs", "seed")
            },
        }


def _graph(options: BenchOptions) -> SocialGraph:
    graph = read_graph(options.edges) if options.edges else make_graph(options.seed)
    return graph.best_connected(options.people)
