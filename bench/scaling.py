"""How the cost of a home page and of a post grows with the number of followers.

Each number of followers has its own author and followers, who register and follow through the
public API. Authors post before they are followed, so that no fan-out runs meanwhile. Reads and
posts are the same for each number, and so is the number of readers, so that caches help all alike.
"""

from __future__ import annotations

import json
import random
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.progress import Progress

from bench.api_client import BenchClient, BenchPerson
from bench.fanout import FanOutResult, measure_fan_out
from bench.generator import LoadGenerator
from bench.home_verifier import HomeVerifier
from bench.idle import ForeignLoad, IdleDetector, wait_until_idle
from bench.measurement import Measurement, MeasurementRounds, UsageProbe
from bench.metrics import IdleRates, compute_idle_rates
from bench.options import BenchOptions
from bench.process_usage import ProcessUsage
from bench.progress import for_each
from bench.results import describe_machine
from bench.scenarios import HOME, PAGE_SIZE, ScenarioData
from bench.stats import median
from bench.system import BenchSystem
from bench.tables import format_number, new_table

READER_COUNT = 10
"""Followers of each author whose home timelines are requested."""

SAMPLE_SIZE = 50
"""Followers whose home timelines must show a timed post."""

_REGISTERING, _FOLLOWING, _POSTING = 6, 6, 3
_WHAT = ("home", "post")
_UNITS = ("state", "ms", "p50")
_SEEN = {"half s": "median", "all s": "sampled"}


@dataclass(frozen=True)
class FollowerGroup:
    """An author with their followers."""

    author: BenchPerson
    followers: Sequence[BenchPerson]


@dataclass(frozen=True)
class RequestCost:
    """The cost of one request including event processing, minus the idle load."""

    state_calls: float | None
    """None if calls were not counted."""
    cpu: float
    """Milliseconds of all processes."""
    p50: float
    """Milliseconds until the response."""
    errors: int
    samples: list[str]

    @classmethod
    def of(cls, measured: Measurement, idle: IdleRates) -> RequestCost:
        """Return the cost of a measurement."""
        count = len(measured.took) or 1
        calls = measured.calls.get("state")
        if calls is not None:
            calls -= idle.calls_per_second.get("state", 0.0) * measured.observed
        cpu = sum(measured.cpu.values()) - sum(idle.cores.values()) * measured.observed
        return cls(
            state_calls=None if calls is None else max(0.0, calls) / count,
            cpu=max(0.0, cpu) * 1000 / count,
            p50=median(measured.took) * 1000,
            errors=measured.errors,
            samples=measured.samples[:5],
        )


@dataclass(frozen=True)
class ScalingStep:
    """The measurements for one number of followers."""

    followers: int
    home: RequestCost
    """For a follower's home page."""
    post: RequestCost
    spread: Sequence[FanOutResult]
    """The fan-out of further posts to a sample of followers."""

    @property
    def errors(self) -> int:
        return self.home.errors + sum(one.missing for one in self.spread)


@dataclass(frozen=True)
class ScalingResults:
    """All results of one run."""

    about: Mapping[str, Any]
    steps: Sequence[ScalingStep]
    idle: Sequence[IdleRates]
    """Idle rates before each step."""
    elsewhere: float
    restarts: Mapping[str, int]
    meets_targets: bool = True
    """There is no target for scaling."""

    @property
    def errors(self) -> int:
        """The number of failed requests, incomplete home timelines and dead processes."""
        return sum(step.errors for step in self.steps) + sum(self.restarts.values())

    def show(self, console: Console) -> None:
        """Print the table."""
        console.print(scaling_table(self.steps))
        for sample in (sample for step in self.steps for sample in step.home.samples):
            console.print(sample, style="red", markup=False)
        for name, count in self.restarts.items():
            console.print(f"{name} died, {count} times", style="red")
        console.print(f"Other processes took {self.elsewhere:.0%} of the machine meanwhile.")

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        figures = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "machine": describe_machine(),
            **self.about,
            "idle": [asdict(idle) for idle in self.idle],
            "growth": [asdict(step) for step in self.steps],
            "elsewhere": self.elsewhere,
            "restarts": self.restarts,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(figures, indent=2))


class ScalingBenchmark:
    """The benchmark of `--growth`."""

    def __init__(self, options: BenchOptions, progress: Progress) -> None:
        self._options = options
        self._progress = progress

    async def execute(self) -> ScalingResults:
        """Start the system, measure it, and stop it in any case."""
        options = self._options
        async with BenchSystem(options.system) as system, BenchClient(system.url) as client:
            usage = ProcessUsage(system.report)
            groups = await self._gather(client, usage)
            probe = UsageProbe(system, usage)
            foreign_load = ForeignLoad(usage)
            measured = [await self._step(client, probe, group) for group in groups]
            elsewhere = foreign_load.share()
            restarts = await system.restarts()
        about = {
            "system": {
                "components": system.components,
                "replicas": options.system.replicas,
                "is_counted": system.call_counts is not None,
            },
            "asked": {
                "growth": options.growth,
                "seconds": options.seconds,
                "fan_outs": options.fan_outs,
                "seed": options.seed,
            },
        }
        steps = [step for step, _ in measured]
        return ScalingResults(about, steps, [idle for _, idle in measured], elsewhere, restarts)

    # ── loading ─────────────────────────────────────────────────────────────────────────────

    async def _gather(self, client: BenchClient, usage: ProcessUsage) -> list[FollowerGroup]:
        """Register all groups; readers' home timelines hold `PAGE_SIZE` posts of their author."""
        token = await client.app_token()
        prefix = f"c{secrets.token_hex(3)}_"

        async def register(number: int) -> BenchPerson:
            return await client.register(f"{prefix}{number}", token)

        count = sum(self._options.growth) + len(self._options.growth)
        everybody = await for_each(
            self._progress, "registering", range(count), register, _REGISTERING
        )
        groups = assign_followers(everybody, self._options.growth)
        homes, places = homes_to_verify(groups)

        async def post(number: int) -> None:
            id = await client.post(groups[number].author, "Light on the water, at seven.")
            homes.record_post(places[number], id)

        async def follow(pair: tuple[BenchPerson, BenchPerson]) -> None:
            await client.follow(*pair)

        authors = range(len(groups))
        posts = [number for _ in range(PAGE_SIZE) for number in authors]
        await for_each(self._progress, "posting", posts, post, _POSTING)
        await wait_until_idle(usage)
        follows = [(follower, group.author) for group in groups for follower in group.followers]
        random.Random(self._options.seed).shuffle(follows)
        await for_each(self._progress, "following", follows, follow, _FOLLOWING)
        await wait_until_idle(usage)
        # By this post the system learns how many follow: beyond some, it goes another way.
        await for_each(self._progress, "posting once more", authors, post, 1)
        wrong = await homes.wait_until_complete(
            client, self._progress, "homes are complete", IdleDetector(usage)
        )
        if wrong:
            raise RuntimeError(f"{len(wrong)} homes do not show what they must after waiting.")
        await wait_until_idle(usage)
        return groups

    # ── measuring ───────────────────────────────────────────────────────────────────────────

    async def _step(
        self, client: BenchClient, probe: UsageProbe, group: FollowerGroup
    ) -> tuple[ScalingStep, IdleRates]:
        """Measure reads, idle load, posts and fan-out for one author."""
        title = f"{len(group.followers):,} followers"
        bar = self._progress.add_task(title, total=1 + self._options.fan_outs)
        read, idle = await self._read(probe, group)
        self._progress.advance(bar)
        posted = Measurement("post", 1)
        spread: list[FanOutResult] = []
        sample = sample_followers(group.followers, self._options.seed)
        for turn in range(self._options.fan_outs):
            with probe.measure_usage(posted):
                posted.took.append(await _post(client, group.author, turn))
                await wait_until_idle(probe.usage)
            text = f"For everybody at once, number {turn}."
            spread.append((await measure_fan_out(client, group.author, sample, text))[1])
            await wait_until_idle(probe.usage)
            self._progress.advance(bar)
        home, post = RequestCost.of(read, idle), RequestCost.of(posted, idle)
        return ScalingStep(len(group.followers), home, post, spread), idle

    async def _read(self, probe: UsageProbe, group: FollowerGroup) -> tuple[Measurement, IdleRates]:
        readers = group.followers[:READER_COUNT]
        data = ScenarioData(
            url=probe.system.url,
            tokens=[reader.token for reader in readers],
            ids=[reader.id for reader in readers],
            home_rows=[PAGE_SIZE] * len(readers),
            author_rows=[0] * len(readers),
            seed=self._options.seed,
        )
        async with LoadGenerator(data) as generator:
            rounds = MeasurementRounds(generator, probe, HomeVerifier([], []))
            await rounds.run((HOME,), (1,), self._options.seconds, 1, lambda _: None)
        return rounds.cells[0], compute_idle_rates(rounds.idle)


async def _post(client: BenchClient, author: BenchPerson, turn: int) -> float:
    """Return the seconds until a post was acknowledged."""
    began = time.perf_counter()
    await client.post(author, f"What does this cost, number {turn}?")
    return time.perf_counter() - began


def assign_followers(people: Sequence[BenchPerson], sizes: Sequence[int]) -> list[FollowerGroup]:
    """Return an author for each size, with that many separate followers."""
    groups: list[FollowerGroup] = []
    rest = iter(people)
    for size in sizes:
        author = next(rest)
        groups.append(FollowerGroup(author, [next(rest) for _ in range(size)]))
    return groups


def homes_to_verify(groups: Sequence[FollowerGroup]) -> tuple[HomeVerifier, list[int]]:
    """Return the home timelines of authors and readers, and the indexes of the authors."""
    people: list[BenchPerson] = []
    friends: list[list[int]] = []
    places: list[int] = []
    for group in groups:
        place = len(people)
        readers = group.followers[:READER_COUNT]
        people += [group.author, *readers]
        friends += [[], *([place] for _ in readers)]
        places.append(place)
    return HomeVerifier(people, friends), places


def sample_followers(followers: Sequence[BenchPerson], seed: int) -> list[BenchPerson]:
    """Return a random sample of followers."""
    return random.Random(seed).sample(list(followers), min(SAMPLE_SIZE, len(followers)))


def scaling_table(steps: Sequence[ScalingStep]) -> Group:
    """Return the table of results."""
    rows = new_table("followers", *(f"{what} {unit}" for what in _WHAT for unit in _UNITS), *_SEEN)
    for step in steps:
        prices = [
            format_number(value, 1 if value is None or value < 100 else 0)
            for price in (step.home, step.post)
            for value in (price.state_calls, price.cpu, price.p50)
        ]
        seen = [median([getattr(one, name) for one in step.spread]) for name in _SEEN.values()]
        rows.add_row(f"{step.followers:,}", *prices, *(format_number(value, 2) for value in seen))
    title = "A follower's home page and a post of the author: state calls, processor ms, p50"
    return Group(f"{title};\nseconds until half, and all, of a sample of homes showed a post", rows)
