"""Fills the system through its public API: people, who follows whom, posts."""

from __future__ import annotations

import random
import secrets
import time
from dataclasses import dataclass, field

from rich.progress import Progress

from bench.client import Client, Person
from bench.graph import Graph
from bench.homes import Homes
from bench.progress import for_each
from bench.quiet import Gauge

_REGISTERING, _FOLLOWING, _POSTING = 6, 6, 3
"""How many requests at once: about as many as are digested meanwhile, so that none pile up."""

_TEXTS = (
    "The harbour before anybody is up. #morning",
    "Bread, third try: it rose. #baking",
    "Fog all day, then ten minutes of this.",
    "Found on the way home, kept for the colour. #red #found",
    "Nobody told the cat that the chair was wet paint.",
)


@dataclass
class Loaded:
    """What the system holds."""

    graph: Graph
    friends: list[list[int]]
    people: list[Person]
    homes: Homes
    phases: dict[str, dict[str, float]] = field(default_factory=dict)
    """By phase: how many, and within how many seconds."""

    def note(self, phase: str, count: int, began: float) -> float:
        """Note a phase that has just ended; returns the time."""
        now = time.perf_counter()
        self.phases[phase] = {"count": count, "seconds": now - began}
        return now


async def load(
    client: Client, graph: Graph, posts: int, seed: int, progress: Progress, gauge: Gauge
) -> Loaded:
    """Register everybody, let them follow each other and post; return when homes are right."""
    friends = graph.friends()
    began = time.perf_counter()
    token = await client.app_token()
    prefix = f"b{secrets.token_hex(3)}_"

    async def register(person: int) -> Person:
        return await client.register(f"{prefix}{person}", token)

    everybody = range(graph.people)
    people = await for_each(progress, "registering", everybody, register, _REGISTERING)
    loaded = Loaded(graph, friends, people, Homes(people, friends))
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
        loaded.homes.posted(author, await client.post(people[author], text))

    await for_each(progress, "posting", authors, post, _POSTING)
    began = loaded.note("posts", len(authors), began)
    wrong = await loaded.homes.settle(client, progress, "homes are complete", gauge)
    if wrong:
        raise RuntimeError(
            f"{len(wrong)} of {graph.people} homes do not show what they must after waiting: the "
            "read model is stuck, or something got lost. Is everything healthy in `ps` and `logs`?"
        )
    loaded.note("homes complete", graph.people, began)
    return loaded
