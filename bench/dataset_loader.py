"""Loads follows and posts through the public API."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field

from rich.progress import Progress

from bench.accounts import Accounts
from bench.api_client import BenchClient, BenchPerson
from bench.home_verifier import HomeVerifier
from bench.idle import IdleDetector
from bench.progress import for_each
from bench.social_graph import SocialGraph

_FOLLOWING, _POSTING = 6, 3
"""Concurrent requests: about as many as the system processes meanwhile, so that none queue up."""

_TEXTS = (
    "The harbour before anybody is up. #morning",
    "Bread, third try: it rose. #baking",
    "Fog all day, then ten minutes of this.",
    "Found on the way home, kept for the colour. #red #found",
    "Nobody told the cat that the chair was wet paint.",
)


@dataclass
class LoadedDataset:
    """The loaded data."""

    graph: SocialGraph
    friends: list[list[int]]
    people: list[BenchPerson]
    homes: HomeVerifier
    phases: dict[str, dict[str, float]] = field(default_factory=dict)
    """Count and seconds of each phase."""

    def note(self, phase: str, count: int, began: float) -> float:
        """Record a finished phase; return the current time."""
        now = time.perf_counter()
        self.phases[phase] = {"count": count, "seconds": now - began}
        return now


async def load_dataset(
    client: BenchClient,
    accounts: Accounts,
    graph: SocialGraph,
    posts: int,
    seed: int,
    progress: Progress,
    detector: IdleDetector,
) -> LoadedDataset:
    """Let new users follow and post; return when all home timelines are complete."""
    friends = graph.friends()
    began = time.perf_counter()
    everybody = range(graph.people)
    people = await accounts.take(client, graph.people, progress)
    loaded = LoadedDataset(graph, friends, people, HomeVerifier(people, friends))
    began = loaded.note("registrations", graph.people, began)
    follows = graph.follows()
    random.Random(seed).shuffle(follows)

    async def follow(pair: tuple[int, int]) -> None:
        await client.follow(people[pair[0]], people[pair[1]])

    await for_each(progress, "following", follows, follow, _FOLLOWING)
    began = loaded.note("follows", len(follows), began)
    authors = [author for author in everybody for _ in range(posts)]
    random.Random(seed).shuffle(authors)

    async def post(author: int) -> None:
        text = _TEXTS[author % len(_TEXTS)]
        loaded.homes.record_post(author, await client.post(people[author], text))

    await for_each(progress, "posting", authors, post, _POSTING)
    began = loaded.note("posts", len(authors), began)
    wrong = await loaded.homes.wait_until_complete(client, progress, "homes are complete", detector)
    if wrong:
        raise RuntimeError(
            f"{len(wrong)} of {graph.people} homes do not show what they must after waiting: the "
            "read model is stuck, or something got lost. Is everything healthy in `ps` and `logs`?"
        )
    loaded.note("homes complete", graph.people, began)
    return loaded
