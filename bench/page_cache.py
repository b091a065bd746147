"""A model of the gateway's ready pages (decision 28): how many are served without asking a service.

Two workloads: the benchmark's mix, which is measured, and days of people, which are not.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bench.scenarios import ACCOUNT, COMPOSE, HOME, MIX_SHARES
from services.gateway.application.ready_pages import ReadyPage, ReadyPages

_POST_SEEN, _COUNT_SEEN = 0.1, 0.5
"""Seconds under load until a gateway hears of a post, and of its author's new count: what follows
from an event that follows from another one waits for 250 ms twice (decision 47)."""


@dataclass
class _Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Served:
    """Requests of each kind, and how many of them a ready page answered."""

    requests: dict[str, int] = field(default_factory=dict)
    ready: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str, *, is_ready: bool) -> None:
        self.requests[kind] = self.requests.get(kind, 0) + 1
        self.ready[kind] = self.ready.get(kind, 0) + is_ready

    def share(self, kind: str) -> float:
        """Return the share of ready pages of a kind."""
        return self.ready[kind] / self.requests[kind]

    def calls(self, of_a_post: float) -> float:
        """Return the calls of services for a request: one for each page that is not ready."""
        pages = sum(self.requests.values()) - sum(self.ready.values())
        more = self.requests.get(COMPOSE, 0) * (of_a_post - 1)
        return (pages + more) / sum(self.requests.values())


class SimulatedGateway:
    """The real cache of a gateway, at a simulated time. No message of a producer is missing."""

    def __init__(self) -> None:
        self._clock = _Clock()
        self._pages = ReadyPages(1 << 40, self._clock)
        self._changes: list[tuple[float, tuple[str, ...]]] = []
        self.served = Served()

    def advance(self, now: float) -> None:
        """Let the changes arrive that are due until a time, in seconds."""
        while self._changes and self._changes[0][0] <= now:
            self._clock.now, documents = heapq.heappop(self._changes)
            self._pages.changed(documents)
        self._clock.now = now
        self._pages.changes.confirm(now)

    def read(self, kind: str, key: tuple[str, int, int], documents: tuple[str, ...]) -> bool:
        """Answer a request for a page that depends on these documents. Whether it was ready."""
        is_ready = self._pages.get(key) is not None
        self.served.add(kind, is_ready=is_ready)
        if not is_ready:
            now = self._clock()
            self._pages.put(key, ReadyPage([], b"", documents, now, now))
        return is_ready

    def change(self, after: float, documents: Sequence[str]) -> None:
        """Let documents change so many seconds later."""
        heapq.heappush(self._changes, (self._clock() + after, tuple(documents)))


def simulate_turn(
    friends: Sequence[Sequence[int]],
    per_second: float,
    seconds: float,
    shares: Sequence[int] = MIX_SHARES,
    seed: int = 1,
) -> Served:
    """Return what a turn of the benchmark is served, with so many requests a second.

    `shares` are those of homes, accounts and posts. No page is ready when it begins.
    """
    drawn, gateway = random.Random(seed), SimulatedGateway()
    readers = [drawn.randrange(len(friends)) for _ in friends]
    for now in _arrivals(drawn, per_second, seconds):
        gateway.advance(now)
        person = drawn.randrange(len(friends))
        kind = drawn.choices((HOME, ACCOUNT, COMPOSE), shares)[0]
        if kind == COMPOSE:
            gateway.served.add(COMPOSE, is_ready=False)
            gateway.change(0, [f"reader:{person}"])
            changed = [f"author:{person}", *(f"home:{id}" for id in (person, *friends[person]))]
            gateway.change(_POST_SEEN, changed)
            gateway.change(_COUNT_SEEN, [f"account:{person}"])
        elif kind == HOME:
            shown = tuple(f"account:{id}" for id in (person, *friends[person]))
            gateway.read(
                HOME, (HOME, person, person), (f"reader:{person}", f"home:{person}", *shown)
            )
        else:
            reader = readers[person]
            documents = (f"reader:{reader}", f"author:{person}", f"account:{person}")
            gateway.read(ACCOUNT, (ACCOUNT, reader, person), documents)
    return gateway.served


@dataclass(frozen=True, slots=True)
class Day:
    """What somebody does in a day. Assumed, except where it is said."""

    sessions: int = 4
    pages: int = 5
    """Of a session."""
    pause: float = 10.0
    """Seconds between two pages, on average."""
    kept: float = 0.5
    """The share of pages that are the same one again: the home, or the account just seen."""
    unchanged: float = 60.0
    """Seconds until others change what a page shows, on average at the peak. A home shows 20 posts.
    Of 39 people whom one follows, a day brings 39 new ones with half of their 12 likes and comments
    each, and changed counts of their authors: 300 changes, at the peak five times as many."""


def simulate_day(day: Day, people: int = 2_000, seed: int = 1) -> float:
    """Return the share of pages that are ready."""
    drawn, gateway = random.Random(seed), SimulatedGateway()
    for now, person, page in sorted(_visits(drawn, day, people)):
        gateway.advance(now)
        if not gateway.read(HOME, (HOME, person, page), (f"home:{person}:{page}",)):
            gateway.change(drawn.expovariate(1 / day.unchanged), [f"home:{person}:{page}"])
    return gateway.served.share(HOME)


def _visits(drawn: random.Random, day: Day, people: int) -> Iterator[tuple[float, int, int]]:
    for person in range(people):
        for _ in range(day.sessions):
            now, page = drawn.uniform(0, 86_400), 0
            for number in range(day.pages):
                yield now, person, page
                now += drawn.expovariate(1 / day.pause)
                if drawn.random() >= day.kept:
                    page = number + 1


def _arrivals(drawn: random.Random, per_second: float, seconds: float) -> Iterator[float]:
    now = 0.0
    while (now := now + drawn.expovariate(per_second)) < seconds:
        yield now
