"""How the price of a home page and of a post grows with how many follow the author.

Each number of followers has an author and followers of its own, registered and following through
the public API. Authors post before they are followed, so that no post goes round while followers
gather. What is read and posted is the same for each; readers are as many for each, so that caches
help all alike.
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

from bench.client import Client, Person
from bench.fanout import FanOut, fan_out
from bench.figures import Idle, idle_of
from bench.generator import Generator
from bench.homes import Homes
from bench.kinds import HOME, PAGE, Stage
from bench.options import Options
from bench.outcome import machine
from bench.progress import for_each
from bench.quiet import Disturbance, Gauge, until_quiet
from bench.report import number, table
from bench.rounds import Measured, Probe, Rounds
from bench.stats import median
from bench.system import System
from bench.usage import Usage

READERS = 10
"""Of each author's followers, whose homes are asked for."""

SAMPLE = 50
"""How many of the followers' homes must show a post that is timed."""

_REGISTERING, _FOLLOWING, _POSTING = 6, 6, 3
_WHAT = ("home", "post")
_UNITS = ("state", "ms", "p50")
_SEEN = {"half s": "median", "all s": "sampled"}


@dataclass(frozen=True)
class Crowd:
    """An author and who follows them."""

    author: Person
    followers: Sequence[Person]


@dataclass(frozen=True)
class Price:
    """What one request costs, with all that follows from it, less what the system does anyhow."""

    state_calls: float | None
    """None where calls were not counted."""
    cpu: float
    """Milliseconds of all processes."""
    p50: float
    """Milliseconds until the answer."""
    errors: int
    samples: list[str]

    @classmethod
    def of(cls, measured: Measured, idle: Idle) -> Price:
        """The price of what was measured."""
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
class Step:
    """What was measured at one number of followers."""

    followers: int
    home: Price
    """Of a follower's home page."""
    post: Price
    spread: Sequence[FanOut]
    """Of other posts, on a sample of the followers."""

    @property
    def errors(self) -> int:
        return self.home.errors + sum(one.missing for one in self.spread)


@dataclass(frozen=True)
class Grown:
    """All figures of one run."""

    about: Mapping[str, Any]
    steps: Sequence[Step]
    idle: Sequence[Idle]
    """Before each step."""
    elsewhere: float
    restarts: Mapping[str, int]
    is_on_target: bool = True
    """Nothing is asked of growth; the figures are to be looked at."""

    @property
    def errors(self) -> int:
        """Requests that failed, homes that lack a post, processes that died."""
        return sum(step.errors for step in self.steps) + sum(self.restarts.values())

    def show(self, console: Console) -> None:
        """Print the table."""
        console.print(table_of(self.steps))
        for sample in (sample for step in self.steps for sample in step.home.samples):
            console.print(sample, style="red", markup=False)
        for name, count in self.restarts.items():
            console.print(f"{name} died, {count} times", style="red")
        console.print(f"Other processes took {self.elsewhere:.0%} of the machine meanwhile.")

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        figures = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "machine": machine(),
            **self.about,
            "idle": [asdict(idle) for idle in self.idle],
            "growth": [asdict(step) for step in self.steps],
            "elsewhere": self.elsewhere,
            "restarts": self.restarts,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(figures, indent=2))


class Growth:
    """Does what `--growth` asks for."""

    def __init__(self, options: Options, progress: Progress) -> None:
        self._options = options
        self._progress = progress

    async def go(self) -> Grown:
        """Start the system, measure it, and take it down whatever happens."""
        options = self._options
        async with System(options.wanted) as system, Client(system.url) as client:
            usage = Usage(system.report)
            crowds = await self._gather(client, usage)
            probe = Probe(system, usage)
            others = Disturbance(usage)
            measured = [await self._step(client, probe, crowd) for crowd in crowds]
            elsewhere = others.share()
            restarts = await system.restarts()
        about = {
            "system": {
                "components": system.components,
                "replicas": options.wanted.replicas,
                "is_counted": system.counts is not None,
            },
            "asked": {
                "growth": options.growth,
                "seconds": options.seconds,
                "fan_outs": options.fan_outs,
                "seed": options.seed,
            },
        }
        steps = [step for step, _ in measured]
        return Grown(about, steps, [idle for _, idle in measured], elsewhere, restarts)

    # ── loading ─────────────────────────────────────────────────────────────────────────────

    async def _gather(self, client: Client, usage: Usage) -> list[Crowd]:
        """Everybody, with `PAGE_SIZE` posts of each author in the homes of their readers."""
        token = await client.app_token()
        prefix = f"c{secrets.token_hex(3)}_"

        async def register(number: int) -> Person:
            return await client.register(f"{prefix}{number}", token)

        count = sum(self._options.growth) + len(self._options.growth)
        everybody = await for_each(
            self._progress, "registering", range(count), register, _REGISTERING
        )
        crowds = divide(everybody, self._options.growth)
        homes, places = homes_of(crowds)

        async def post(number: int) -> None:
            id = await client.post(crowds[number].author, "Light on the water, at seven.")
            homes.posted(places[number], id)

        async def follow(pair: tuple[Person, Person]) -> None:
            await client.follow(*pair)

        authors = range(len(crowds))
        posts = [number for _ in range(PAGE) for number in authors]
        await for_each(self._progress, "posting", posts, post, _POSTING)
        await until_quiet(usage)
        follows = [(follower, crowd.author) for crowd in crowds for follower in crowd.followers]
        random.Random(self._options.seed).shuffle(follows)
        await for_each(self._progress, "following", follows, follow, _FOLLOWING)
        await until_quiet(usage)
        # By this post the system learns how many follow: beyond some, it goes another way.
        await for_each(self._progress, "posting once more", authors, post, 1)
        wrong = await homes.settle(client, self._progress, "homes are complete", Gauge(usage))
        if wrong:
            raise RuntimeError(f"{len(wrong)} homes do not show what they must after waiting.")
        await until_quiet(usage)
        return crowds

    # ── measuring ───────────────────────────────────────────────────────────────────────────

    async def _step(self, client: Client, probe: Probe, crowd: Crowd) -> tuple[Step, Idle]:
        """Read, rest, post and watch, with one author and their followers."""
        title = f"{len(crowd.followers):,} followers"
        bar = self._progress.add_task(title, total=1 + self._options.fan_outs)
        read, idle = await self._read(probe, crowd)
        self._progress.advance(bar)
        posted = Measured("post", 1)
        spread: list[FanOut] = []
        sample = sample_of(crowd.followers, self._options.seed)
        for turn in range(self._options.fan_outs):
            with probe.using(posted):
                posted.took.append(await _post(client, crowd.author, turn))
                await until_quiet(probe.usage)
            text = f"For everybody at once, number {turn}."
            spread.append((await fan_out(client, crowd.author, sample, text))[1])
            await until_quiet(probe.usage)
            self._progress.advance(bar)
        home, post = Price.of(read, idle), Price.of(posted, idle)
        return Step(len(crowd.followers), home, post, spread), idle

    async def _read(self, probe: Probe, crowd: Crowd) -> tuple[Measured, Idle]:
        readers = crowd.followers[:READERS]
        stage = Stage(
            url=probe.system.url,
            tokens=[reader.token for reader in readers],
            ids=[reader.id for reader in readers],
            home_rows=[PAGE] * len(readers),
            author_rows=[0] * len(readers),
            seed=self._options.seed,
        )
        async with Generator(stage) as generator:
            rounds = Rounds(generator, probe, Homes([], []))
            await rounds.run((HOME,), (1,), self._options.seconds, 1, lambda _: None)
        return rounds.cells[0], idle_of(rounds.idle)


async def _post(client: Client, author: Person, turn: int) -> float:
    """Seconds until a post was acknowledged."""
    began = time.perf_counter()
    await client.post(author, f"What does this cost, number {turn}?")
    return time.perf_counter() - began


def divide(people: Sequence[Person], sizes: Sequence[int]) -> list[Crowd]:
    """An author for each size, and so many followers of theirs alone."""
    crowds: list[Crowd] = []
    rest = iter(people)
    for size in sizes:
        author = next(rest)
        crowds.append(Crowd(author, [next(rest) for _ in range(size)]))
    return crowds


def homes_of(crowds: Sequence[Crowd]) -> tuple[Homes, list[int]]:
    """The homes of authors and readers, and the places of the authors among them."""
    people: list[Person] = []
    friends: list[list[int]] = []
    places: list[int] = []
    for crowd in crowds:
        place = len(people)
        readers = crowd.followers[:READERS]
        people += [crowd.author, *readers]
        friends += [[], *([place] for _ in readers)]
        places.append(place)
    return Homes(people, friends), places


def sample_of(followers: Sequence[Person], seed: int) -> list[Person]:
    """Some followers, drawn among all."""
    return random.Random(seed).sample(list(followers), min(SAMPLE, len(followers)))


def table_of(steps: Sequence[Step]) -> Group:
    """What it comes to."""
    rows = table("followers", *(f"{what} {unit}" for what in _WHAT for unit in _UNITS), *_SEEN)
    for step in steps:
        prices = [
            number(value, 1 if value is None or value < 100 else 0)
            for price in (step.home, step.post)
            for value in (price.state_calls, price.cpu, price.p50)
        ]
        seen = [median([getattr(one, name) for one in step.spread]) for name in _SEEN.values()]
        rows.add_row(f"{step.followers:,}", *prices, *(number(value, 2) for value in seen))
    title = "A follower's home page and a post of the author: state calls, processor ms, p50"
    return Group(f"{title};\nseconds until half, and all, of a sample of homes showed a post", rows)
