"""One server of a run: who is loaded into it, and what is measured of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import TracebackType

from rich.progress import Progress

from bench.accounts import Accounts
from bench.api_client import BenchClient
from bench.dataset_loader import LoadedDataset, load_dataset
from bench.fanout import FanOutResult, measure_fan_out
from bench.generator import LoadGenerator
from bench.idle import IdleDetector, wait_until_idle
from bench.measurement import MeasuredServer, Measurement, UsageProbe
from bench.metrics import Floor, ServerResults, compute_idle_rates, compute_metrics
from bench.options import BenchOptions
from bench.scenarios import (
    FOLLOW,
    NOTIFICATIONS,
    NOTIFICATIONS_MISS,
    PICTURE,
    THREAD,
    ScenarioData,
    make_picture,
)
from bench.side_accounts import COMMENT_COUNT, SideAccounts, create_side_accounts
from bench.social_graph import SocialGraph

SIDE_ACCOUNT_SCENARIOS = frozenset({FOLLOW, NOTIFICATIONS, NOTIFICATIONS_MISS, THREAD})
"""Scenarios that need side accounts, likes or a long thread."""

FAN_OUT_FOLLOWERS = 37
"""The followers of the author whose posts are timed, as near as somebody has them: so many had the
author in the first comparison with another server, from which the target is."""

_HIGHEST_NUMBER, _HIGHEST_ULID = "9" * 18, "7" + 25 * "Z"


@dataclass
class BenchServer:
    """A server from its first user to its results; entered, its address can be asked."""

    url: str
    accounts: Accounts
    probe: UsageProbe
    kinds: tuple[str, ...]
    options: BenchOptions
    progress: Progress
    verifies_homes: bool = True
    memory: dict[str, dict[str, float]] = field(default_factory=dict)
    fan_outs: list[FanOutResult] = field(default_factory=list)
    wrong_homes: int = 0
    loaded: LoadedDataset = field(init=False)
    guests: SideAccounts = field(default_factory=SideAccounts)
    measured: MeasuredServer = field(init=False)

    async def __aenter__(self) -> BenchServer:
        self.client = await BenchClient(self.url).__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self.client.__aexit__(kind, error, _)

    async def load(self, graph: SocialGraph) -> None:
        """Fill the server; return when it is idle."""
        options, usage = self.options, self.probe.usage
        self.record_memory("started")
        self.loaded = await load_dataset(
            self.client,
            self.accounts,
            graph,
            options.posts,
            options.seed,
            self.progress,
            IdleDetector(usage),
        )
        if SIDE_ACCOUNT_SCENARIOS & set(self.kinds):
            self.guests = await create_side_accounts(
                self.client, self.accounts, self.loaded, options.seed, self.progress
            )
        await wait_until_idle(usage)
        self.record_memory("loaded")

    def record_memory(self, stage: str) -> None:
        if self.probe.usage.kinds:
            self.memory[stage] = self.probe.usage.memory()

    def generator(self) -> LoadGenerator:
        """Return a load generator for the loaded data."""
        return LoadGenerator(self._scenario_data())

    @property
    def fan_out_author(self) -> int:
        """The number of the person whose posts are timed."""
        friends = self.loaded.friends
        return min(range(len(friends)), key=lambda i: abs(len(friends[i]) - FAN_OUT_FOLLOWERS))

    async def fan_out(self, number: int) -> None:
        """Time a post of the author with about `FAN_OUT_FOLLOWERS` followers."""
        loaded, author = self.loaded, self.fan_out_author
        followers = [loaded.people[friend] for friend in loaded.friends[author]]
        await wait_until_idle(self.probe.usage)
        text = f"For everybody at once, number {number}."
        id, one = await measure_fan_out(self.client, loaded.people[author], followers, text)
        loaded.homes.record_post(author, id)
        self.fan_outs.append(one)

    async def verify(self) -> None:
        """Check all home timelines once more."""
        if self.verifies_homes:
            detector = IdleDetector(self.probe.usage)
            wrong = await self.loaded.homes.wait_until_complete(
                self.client, self.progress, "homes are right", detector
            )
            self.wrong_homes = len(wrong)
        self.record_memory("measured")

    def results(self, cells: list[Measurement], floors: dict[int, Floor]) -> ServerResults:
        """Return the results, with costs relative to the floors."""
        idle = compute_idle_rates(self.measured.idle)
        return ServerResults(
            url=self.url,
            phases=self.loaded.phases,
            rows=compute_metrics(cells, idle, floors),
            idle=idle,
            memory=self.memory,
            fan_outs=self.fan_outs,
            wrong_homes=self.wrong_homes,
        )

    def _scenario_data(self) -> ScenarioData:
        loaded, guests = self.loaded, self.guests
        everybody = range(len(loaded.people))
        posts = loaded.homes.post_ids()
        return ScenarioData(
            url=self.url,
            tokens=[person.token for person in loaded.people],
            ids=[person.id for person in loaded.people],
            home_rows=[loaded.homes.home_size(person) for person in everybody],
            author_rows=[loaded.homes.post_count(person) for person in everybody],
            seed=self.options.seed,
            picture=make_picture().hex() if PICTURE in self.kinds else "",
            names=[person.name for person in loaded.people],
            posts=posts,
            notices=[len(friends) for friends in loaded.friends],
            guests=[[guest.id, guest.token] for guest in guests.people],
            thread=guests.thread,
            comments=COMMENT_COUNT if guests.thread else 0,
            newest=_HIGHEST_NUMBER if posts[0].isdigit() else _HIGHEST_ULID,
        )
