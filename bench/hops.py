"""What Dapr itself costs: one empty request without a sidecar, through one, and through two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console, Group
from rich.progress import Progress

from bench.generator import LoadGenerator
from bench.home_verifier import HomeVerifier
from bench.idle import ForeignLoad
from bench.measurement import MeasuredServer, MeasurementRounds, UsageProbe
from bench.metrics import ScenarioMetrics, compute_idle_rates, compute_metrics
from bench.options import BenchOptions
from bench.process_usage import ProcessUsage, processes_by_kind
from bench.results import RunConditions
from bench.scenarios import FLOOR, ScenarioData
from bench.stats import format_number
from bench.system import BenchSystem
from bench.tables import new_table, print_samples

SERVICE, CALLER = "feed", "gateway"
ROUTE = "/healthz"
"""A route that answers at once, and which the caller may invoke."""


@dataclass(frozen=True)
class Hop:
    """One way to the service."""

    name: str
    url: str
    path: str
    headers: Mapping[str, str]


def hops(system: BenchSystem) -> list[Hop]:
    """Return the ways to the service, each with one process more."""
    address, token = system.service_endpoint(SERVICE)
    invoked = f"/v1.0/invoke/{SERVICE}/method{ROUTE}"
    ways = [Hop("app", address, ROUTE, {"dapr-api-token": token})]
    for name, service in (("app + sidecar", SERVICE), ("app + two sidecars", CALLER)):
        sidecar, its_token = system.sidecar_endpoint(service)
        ways.append(Hop(name, sidecar, invoked, {"dapr-api-token": its_token}))
    return [*ways, Hop("with the gateway", system.url, "/ping", {})]


@dataclass(frozen=True)
class HopResults:
    """All results of one run."""

    conditions: RunConditions
    rows: Mapping[str, Sequence[ScenarioMetrics]]
    """By way, for each number of requests in flight."""
    meets_targets: bool = True
    """There is no target for Dapr's own cost."""

    @property
    def errors(self) -> int:
        failed = sum(row.errors for rows in self.rows.values() for row in rows)
        return failed + sum(self.conditions.restarts.values())

    def show(self, console: Console) -> None:
        """Print the table."""
        console.print(hop_table(self.rows))
        for rows in self.rows.values():
            print_samples(console, rows)
        self.conditions.show(console)

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        ways = {way: [asdict(row) for row in rows] for way, rows in self.rows.items()}
        self.conditions.write(path, {"hops": ways})


class HopBenchmark:
    """The benchmark of `--hops`."""

    def __init__(self, options: BenchOptions, progress: Progress) -> None:
        self._options = options
        self._progress = progress

    async def execute(self) -> HopResults:
        """Start the system, measure it, and stop it in any case."""
        async with AsyncExitStack() as stack:
            system = await stack.enter_async_context(BenchSystem(self._options.system))
            probe = UsageProbe(ProcessUsage(processes_by_kind(system.report)))
            foreign_load = ForeignLoad(probe.usage)
            ways = {
                hop.name: MeasuredServer(
                    await stack.enter_async_context(LoadGenerator(_scenario_data(hop))),
                    probe,
                    HomeVerifier([], []),
                    (FLOOR,),
                )
                for hop in hops(system)
            }
            await self._measure(list(ways.values()))
            about = {"system": {"components": system.components}}
            conditions = RunConditions(about, foreign_load.share(), await system.restarts())
        rows = {
            name: compute_metrics(way.cells, compute_idle_rates(way.idle), {})
            for name, way in ways.items()
        }
        return HopResults(conditions, rows)

    async def _measure(self, ways: Sequence[MeasuredServer]) -> None:
        options = self._options
        cells = len(ways) * len(options.in_flight)
        bar = self._progress.add_task("measuring", total=cells + options.rounds * (1 + cells))
        rounds = MeasurementRounds(*ways)
        await rounds.run(
            options.in_flight,
            options.seconds,
            options.rounds,
            lambda _: self._progress.advance(bar),
        )


def _scenario_data(hop: Hop) -> ScenarioData:
    return ScenarioData(
        url=hop.url,
        tokens=[],
        ids=[],
        home_rows=[],
        author_rows=[],
        seed=1,
        floor_path=hop.path,
        floor_headers=dict(hop.headers),
    )


def hop_table(ways: Mapping[str, Sequence[ScenarioMetrics]]) -> Group:
    """Return the table of results, grouped by the number in flight."""
    kinds = ("gateway", "services", "sidecars")
    shown = new_table("through", "n", "req/s", "p50 ms", "p99 ms", *kinds, "all")
    names = list(ways)
    for group in zip(*ways.values(), strict=True):
        for name, row in zip(names, group, strict=True):
            shown.add_row(
                name,
                str(row.in_flight),
                format_number(row.per_second, 0),
                format_number(row.latency.p50),
                format_number(row.latency.p99),
                *(format_number(row.cpu.get(kind)) for kind in kinds),
                format_number(row.cpu_in_all),
                end_section=name == names[-1],
            )
    return Group("An empty request to feed; processor milliseconds of each by process", shown)
