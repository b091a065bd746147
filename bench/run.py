"""One run: start, load, measure, verify; with `--compare` of two servers in turns."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import Any

from rich.progress import Progress

from bench.accounts import RegisteredAccounts, TokenFile
from bench.checkouts import CheckoutTurns
from bench.idle import ForeignLoad
from bench.measurement import MeasuredServer, Measurement, MeasurementRounds, UsageProbe
from bench.metrics import compute_floors, compute_idle_rates
from bench.options import BenchOptions
from bench.process_usage import ProcessUsage, processes_by_kind
from bench.results import BenchResults, RunConditions
from bench.scenarios import CHECKOUT, COMMENT, OWN_SCENARIOS
from bench.server import BenchServer
from bench.social_graph import SocialGraph, make_graph, read_graph
from bench.system import BenchSystem

OTHER = "other"
"""The kind of the other server's processes."""


class BenchmarkRun:
    """Runs the benchmark with its options."""

    def __init__(self, options: BenchOptions, progress: Progress) -> None:
        self._options = options
        self._progress = progress

    async def execute(self) -> BenchResults:
        """Start the system, measure it, and stop it in any case."""
        options = self._options
        graph = _graph(options)
        starting = self._progress.add_task("starting", total=1)
        async with AsyncExitStack() as stack:
            system = await stack.enter_async_context(BenchSystem(options.system))
            self._progress.advance(starting)
            own = await stack.enter_async_context(self._own(system))
            servers = [own]
            if options.compare:
                servers.append(await stack.enter_async_context(self._other()))
            for server in servers:
                await server.load(graph)
            foreign_load = ForeignLoad(*(server.probe.usage for server in servers))
            await self._measure(servers)
            checkouts = await self._measure_checkouts(system, own)
            await self._fan_out(servers)
            for server in servers:
                await server.verify()
            conditions = RunConditions(
                self._about(system, graph), foreign_load.share(), await system.restarts()
            )
        floors = compute_floors(own.measured.cells, compute_idle_rates(own.measured.idle))
        results = [server.results(server.measured.cells, floors) for server in servers[1:]]
        return BenchResults(
            conditions,
            followers=len(own.loaded.friends[own.fan_out_author]),
            own=own.results([*own.measured.cells, *checkouts], floors),
            other=results[0] if results else None,
        )

    def _own(self, system: BenchSystem) -> BenchServer:
        options = self._options
        usage = ProcessUsage(processes_by_kind(system.report, by_service=options.by_service))
        probe = UsageProbe(usage, system.call_counts)
        kinds = tuple(kind for kind in options.kinds if kind != CHECKOUT)
        return BenchServer(system.url, RegisteredAccounts(), probe, kinds, options, self._progress)

    def _other(self) -> BenchServer:
        options = self._options
        accounts = TokenFile(options.tokens) if options.tokens else RegisteredAccounts()
        probe = UsageProbe(ProcessUsage({OTHER: options.pids}))
        kinds = tuple(kind for kind in options.kinds if kind not in OWN_SCENARIOS)
        # Servers differ in which replies a home timeline shows.
        verifies = COMMENT not in kinds
        return BenchServer(
            options.compare, accounts, probe, kinds, options, self._progress, verifies
        )

    async def _measure(self, servers: list[BenchServer]) -> None:
        options = self._options
        cells = len(options.in_flight) * sum(len(server.kinds) for server in servers)
        bar = self._progress.add_task("measuring", total=cells + options.rounds * (1 + cells))

        def tick(what: str) -> None:
            self._progress.update(bar, advance=1, description=f"measured {what}")

        async with AsyncExitStack() as stack:
            for server in servers:
                server.measured = MeasuredServer(
                    await stack.enter_async_context(server.generator()),
                    server.probe,
                    server.loaded.homes,
                    server.kinds,
                )
            rounds = MeasurementRounds(*(server.measured for server in servers))
            await rounds.run(options.in_flight, options.seconds, options.rounds, tick)

    async def _measure_checkouts(self, system: BenchSystem, own: BenchServer) -> list[Measurement]:
        options = self._options
        if CHECKOUT not in options.kinds:
            return []
        turns = CheckoutTurns(own.client, system, own.probe, max(options.in_flight))
        await turns.prepare(options.checkouts, self._progress)
        bar = self._progress.add_task("buying", total=2 + 2 * options.rounds)
        return await turns.run(
            options.checkouts, options.rounds, lambda _: self._progress.advance(bar)
        )

    async def _fan_out(self, servers: list[BenchServer]) -> None:
        count = self._options.fan_outs
        bar = self._progress.add_task("fan-out", total=count * len(servers))
        for number in range(count):
            for server in servers:
                await server.fan_out(number)
                self._progress.advance(bar)

    def _about(self, system: BenchSystem, graph: SocialGraph) -> dict[str, Any]:
        options = self._options
        asked = asdict(options)
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
                key: asked[key]
                for key in (
                    *("kinds", "in_flight", "seconds", "rounds", "fan_outs", "checkouts"),
                    *("compare", "seed"),
                )
            },
        }


def _graph(options: BenchOptions) -> SocialGraph:
    graph = read_graph(options.edges) if options.edges else make_graph(options.seed)
    return graph.best_connected(options.people)
