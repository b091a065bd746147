"""One run: start, load, measure, look whether everything is where it must be."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.progress import Progress

from bench.client import Client
from bench.fanout import FanOut, fan_out
from bench.figures import figures_of, idle_of
from bench.generator import Generator
from bench.graph import Graph, make_graph, read_graph
from bench.guests import COMMENTS, Guests, invite
from bench.kinds import FOLLOW, NOTIFICATIONS, PICTURE, THREAD, Stage, make_picture
from bench.load import Loaded, load
from bench.options import Options
from bench.outcome import Outcome
from bench.quiet import Disturbance, Gauge, until_quiet
from bench.rounds import Probe, Rounds
from bench.system import System
from bench.usage import Usage

GUESTS_IN = frozenset({FOLLOW, NOTIFICATIONS, THREAD})
"""Kinds of request that need them, and the likes and the thread that come with them."""


class Run:
    """Does what the options say."""

    def __init__(self, options: Options, progress: Progress) -> None:
        self._options = options
        self._progress = progress
        self._memory: dict[str, dict[str, float]] = {}

    async def go(self) -> Outcome:
        """Start the system, measure it, and take it down whatever happens."""
        options = self._options
        graph = _graph(options)
        starting = self._progress.add_task("starting", total=1)
        async with System(options.wanted) as system, Client(system.url) as client:
            self._progress.advance(starting)
            usage = Usage(system.report)
            self._look(usage, "started")
            loaded = await load(
                client, graph, options.posts, options.seed, self._progress, Gauge(usage)
            )
            guests = Guests()
            if GUESTS_IN & set(options.kinds):
                guests = await invite(client, loaded, options.seed, self._progress)
            await until_quiet(usage)
            self._look(usage, "loaded")
            others = Disturbance(usage)
            async with Generator(self._stage(system.url, loaded, guests)) as generator:
                rounds = Rounds(generator, Probe(system, usage), loaded.homes)
                await self._measure(rounds)
            fan_outs = await self._fan_out(client, usage, loaded)
            wrong = await loaded.homes.settle(
                client, self._progress, "homes are right", Gauge(usage)
            )
            self._look(usage, "measured")
            elsewhere = others.share()
            restarts = await system.restarts()
        idle = idle_of(rounds.idle)
        return Outcome(
            about=self._about(system, graph),
            followers=len(loaded.friends[0]),
            phases=loaded.phases,
            rows=figures_of(rounds.cells, idle),
            idle=idle,
            memory=self._memory,
            fan_outs=fan_outs,
            wrong_homes=len(wrong),
            elsewhere=elsewhere,
            restarts=restarts,
        )

    def _look(self, usage: Usage, stage: str) -> None:
        if usage.kinds:
            self._memory[stage] = usage.memory()

    def _stage(self, url: str, loaded: Loaded, guests: Guests) -> Stage:
        everybody = range(len(loaded.people))
        return Stage(
            url=url,
            tokens=[person.token for person in loaded.people],
            ids=[person.id for person in loaded.people],
            home_rows=[loaded.homes.total(person) for person in everybody],
            author_rows=[loaded.homes.by(person) for person in everybody],
            seed=self._options.seed,
            picture=make_picture().hex() if PICTURE in self._options.kinds else "",
            names=[person.name for person in loaded.people],
            posts=loaded.homes.posts(),
            notices=[len(friends) for friends in loaded.friends],
            guests=[[guest.id, guest.token] for guest in guests.people],
            thread=guests.thread,
            comments=COMMENTS if guests.thread else 0,
        )

    async def _measure(self, rounds: Rounds) -> None:
        options = self._options
        cells = len(options.kinds) * len(options.in_flight)
        turns = cells + options.rounds * (1 + cells)
        bar = self._progress.add_task("measuring", total=turns)

        def tick(what: str) -> None:
            self._progress.update(bar, advance=1, description=f"measured {what}")

        await rounds.run(options.kinds, options.in_flight, options.seconds, options.rounds, tick)

    async def _fan_out(self, client: Client, usage: Usage, loaded: Loaded) -> list[FanOut]:
        followers = [loaded.people[friend] for friend in loaded.friends[0]]
        bar = self._progress.add_task("fan-out", total=self._options.fan_outs)
        seen: list[FanOut] = []
        for number in range(self._options.fan_outs):
            await until_quiet(usage)
            text = f"For everybody at once, number {number}."
            id, one = await fan_out(client, loaded.people[0], followers, text)
            loaded.homes.posted(0, id)
            seen.append(one)
            self._progress.advance(bar)
        return seen

    def _about(self, system: System, graph: Graph) -> dict[str, Any]:
        options = self._options
        return {
            "system": {
                "components": system.components,
                "replicas": options.wanted.replicas,
                "started_in": system.started_in,
                "is_counted": system.counts is not None,
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


def _graph(options: Options) -> Graph:
    graph = read_graph(options.edges) if options.edges else make_graph(options.seed)
    return graph.best_connected(options.people)
