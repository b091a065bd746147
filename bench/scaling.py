"""How the cost of a home page and of a post grows: the benchmark of `--growth`.

Each size has its own author and followers, who register and follow through the public API. The
number of readers is the same for each, so that caches help all alike.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Sequence

from rich.progress import Progress

from bench.api_client import BenchClient, BenchPerson
from bench.fanout import FanOutResult, measure_fan_out
from bench.generator import LoadGenerator
from bench.home_verifier import HomeVerifier
from bench.idle import ForeignLoad, IdleDetector, wait_until_idle
from bench.measurement import MeasuredServer, Measurement, MeasurementRounds, UsageProbe
from bench.metrics import compute_idle_rates, compute_metrics
from bench.options import BenchOptions
from bench.process_usage import ProcessUsage, processes_by_kind
from bench.progress import for_each
from bench.results import RunConditions
from bench.scaling_groups import (
    FOLLOWERS,
    ScalingGroup,
    assign_people,
    count_people,
    homes_to_verify,
    sample_followers,
)
from bench.scaling_results import ScalingResults, ScalingStep
from bench.scenarios import FLOOR, HOME_MISS, PAGE_SIZE, ScenarioData
from bench.system import BenchSystem

_REGISTERING, _FOLLOWING, _POSTING = 6, 6, 3


class ScalingBenchmark:
    """Loads all groups, and measures one after the other."""

    def __init__(self, options: BenchOptions, progress: Progress) -> None:
        self._options = options
        self._progress = progress

    async def execute(self) -> ScalingResults:
        """Start the system, measure it, and stop it in any case."""
        async with BenchSystem(self._options.system) as system, BenchClient(system.url) as client:
            usage = ProcessUsage(processes_by_kind(system.report))
            groups = await self._gather(client, usage)
            probe = UsageProbe(usage, system.call_counts)
            foreign_load = ForeignLoad(usage)
            steps = [await self._step(client, probe, group) for group in groups]
            about = self._about(system)
            conditions = RunConditions(about, foreign_load.share(), await system.restarts())
        return ScalingResults(conditions, steps)

    def _about(self, system: BenchSystem) -> dict[str, object]:
        options = self._options
        return {
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

    # ── loading ─────────────────────────────────────────────────────────────────────────────

    async def _gather(self, client: BenchClient, usage: ProcessUsage) -> list[ScalingGroup]:
        """Register all groups; the home timelines of readers hold a page or more."""
        people = await self._register(client, count_people(self._options.growth))
        groups = assign_people(people, self._options.growth)
        homes, places = homes_to_verify(groups)

        async def post(number: int) -> None:
            id = await client.post(groups[number].author, "Light on the water, at seven.")
            homes.record_post(places[number], id)

        async def follow(pair: tuple[BenchPerson, BenchPerson]) -> None:
            await client.follow(*pair)

        async def post_all(title: str, count: Callable[[ScalingGroup], int]) -> None:
            posts = [number for number, group in enumerate(groups) for _ in range(count(group))]
            await for_each(self._progress, title, posts, post, _POSTING)
            await wait_until_idle(usage)

        await post_all("posting", lambda group: group.posts_before)
        follows = [pair for group in groups for pair in group.follows()]
        random.Random(self._options.seed).shuffle(follows)
        await for_each(self._progress, "following", follows, follow, _FOLLOWING)
        await wait_until_idle(usage)
        await post_all("posting to followers", lambda group: group.posts_after)
        # By this post the system learns how many follow: beyond some, it goes another way.
        await post_all("posting once more", lambda _: 1)
        wrong = await homes.wait_until_complete(
            client, self._progress, "homes are complete", IdleDetector(usage)
        )
        if wrong:
            raise RuntimeError(f"{len(wrong)} homes do not show what they must after waiting.")
        await wait_until_idle(usage)
        return groups

    async def _register(self, client: BenchClient, count: int) -> list[BenchPerson]:
        token = await client.app_token()
        prefix = f"c{secrets.token_hex(3)}_"

        async def register(number: int) -> BenchPerson:
            return await client.register(f"{prefix}{number}", token)

        return await for_each(self._progress, "registering", range(count), register, _REGISTERING)

    # ── measuring ───────────────────────────────────────────────────────────────────────────

    async def _step(
        self, client: BenchClient, probe: UsageProbe, group: ScalingGroup
    ) -> ScalingStep:
        """Measure idle load and reads of a group; posts and fan-out too where followers grow."""
        read = await self._read(client.url, probe, group)
        posts, spread = Measurement("post", 1), list[FanOutResult]()
        if group.grows == FOLLOWERS:
            spread = await self._write(client, probe, group, posts)
        idle = compute_idle_rates(read.idle)
        floor, home, post = compute_metrics([*read.cells, posts], idle, {})
        return ScalingStep(
            group.grows, group.size, idle, floor, home, post if posts.took else None, spread
        )

    async def _write(
        self, client: BenchClient, probe: UsageProbe, group: ScalingGroup, posts: Measurement
    ) -> list[FanOutResult]:
        sample = sample_followers(group.followers, self._options.seed)
        bar = self._progress.add_task(f"{group.size:,} followers", total=self._options.fan_outs)
        spread: list[FanOutResult] = []
        for turn in range(self._options.fan_outs):
            with probe.measure_usage(posts):
                posts.took.append(await _post(client, group.author, turn))
                await wait_until_idle(probe.usage)
            text = f"For everybody at once, number {turn}."
            spread.append((await measure_fan_out(client, group.author, sample, text))[1])
            await wait_until_idle(probe.usage)
            self._progress.advance(bar)
        return spread

    async def _read(self, url: str, probe: UsageProbe, group: ScalingGroup) -> MeasuredServer:
        data = _scenario_data(url, group.readers, self._options.seed)
        async with LoadGenerator(data) as generator:
            server = MeasuredServer(generator, probe, HomeVerifier([], []), (FLOOR, HOME_MISS))
            await MeasurementRounds(server).run((1,), self._options.seconds, 1, lambda _: None)
        return server


def _scenario_data(url: str, readers: Sequence[BenchPerson], seed: int) -> ScenarioData:
    return ScenarioData(
        url=url,
        tokens=[reader.token for reader in readers],
        ids=[reader.id for reader in readers],
        home_rows=[PAGE_SIZE] * len(readers),
        author_rows=[0] * len(readers),
        seed=seed,
    )


async def _post(client: BenchClient, author: BenchPerson, turn: int) -> float:
    """Return the seconds until a post was acknowledged."""
    began = time.perf_counter()
    await client.post(author, f"What does this cost, number {turn}?")
    return time.perf_counter() - began
