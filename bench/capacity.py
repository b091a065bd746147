"""What so many people need: requests, processor time, replicas, partitions and memory.

Computed from what was measured for one request (`bench/measured.py`), from the populations of
`bench/population.py`, and from what people do in a day, which is assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from math import ceil

from bench.measured import (
    FLOOR_MS,
    MEMORY_MB,
    READ_MS,
    READY_F,
    SERVER_F,
    SERVICE_F,
    SIDECAR_F,
    WRITE_MS,
)
from bench.page_cache import Day, simulate_day
from bench.population import Population
from bench.scenarios import (
    ACCOUNT_MISS,
    CHECKOUT,
    COMMENT,
    COMPOSE,
    FOLLOW,
    HOME_MISS,
    LIKE,
    NOTIFICATIONS_MISS,
)
from bench.social_graph import make_graph
from services.feed.application.fanout import FLUSH_SIZE
from services.feed.settings import FeedSettings

LARGE: int = FeedSettings.model_fields["microgram_feed_large"].default
PEAK = 5.0
"""The busiest seconds of a day, relative to its average. Assumed."""

BUSY = 0.6
"""The share of a core that one replica may be busy at the peak."""

LEAST_REPLICAS = 2
DOCUMENTS_OF_A_POST = 3
"""What a post changes: itself, its author's timeline and the author's number of posts."""

MEASURED_PEOPLE = 200
"""Of the run of `bench/measured.py`."""

_DAY = 86_400
_PAGES = {HOME_MISS: 0.5, ACCOUNT_MISS: 0.4, NOTIFICATIONS_MISS: 0.1}
WRITES = {COMPOSE: 1.0, LIKE: 10.0, COMMENT: 2.0, FOLLOW: 0.2, CHECKOUT: 0.05}
"""What somebody does in a day. Assumed, as which pages they open (`_PAGES`)."""

BYTES = {COMPOSE: 1_810, LIKE: 1_280, COMMENT: 2_780, FOLLOW: 1_330}
"""Bytes of documents that a request leaves in all stores, from the files of the measured run.

A post with its projection 1,604, in lists 206. A like 476 in posts, 480 in notifications, 324 in
lists. A comment that of a post, 490 in comments and 480 in notifications. A follow 629 in users,
480 in notifications, 221 in lists and in feed.
"""

BYTES_OF_A_PERSON = 40_000
"""A home of 800 rows is 34 KB. Logins, profile and relations are the rest."""


@cache
def ready_share() -> float:
    """Return the share of pages that are ready, in a day of people."""
    return simulate_day(Day())


@cache
def _measured_homes() -> float:
    """Return the homes that a post wrote in the measured run."""
    graph = make_graph(1).best_connected(MEASURED_PEOPLE)
    return Population.of_graph(graph).homes_written(FLUSH_SIZE, LARGE)


def fan_out_ms(population: Population) -> float:
    """Return the processor milliseconds by which a post is dearer than in the measured run."""
    return (READ_MS + WRITE_MS) * (population.homes_written(FLUSH_SIZE, LARGE) - _measured_homes())


def post_f(population: Population) -> float:
    """Return the price of a post, in requests of the floor."""
    parts = (SERVICE_F[COMPOSE], SIDECAR_F[COMPOSE])
    measured = sum(sum(part.values()) for part in parts) + SERVER_F[COMPOSE]
    return measured + fan_out_ms(population) / FLOOR_MS


@dataclass(frozen=True)
class Capacity:
    """What so many people need who come every day."""

    people: int

    @cached_property
    def population(self) -> Population:
        return Population.of_size(self.people)

    @cached_property
    def rates(self) -> dict[str, float]:
        """Requests a second at the peak, by kind; pages that are not ready."""
        day = Day()
        missed = day.sessions * day.pages * (1 - ready_share())
        wanted = {page: share * missed for page, share in _PAGES.items()} | WRITES
        return {kind: count * self.people * PEAK / _DAY for kind, count in wanted.items()}

    @property
    def ready(self) -> float:
        """Ready pages a second at the peak."""
        return Day().sessions * Day().pages * ready_share() * self.people * PEAK / _DAY

    @property
    def requests(self) -> float:
        return sum(self.rates.values()) + self.ready

    @property
    def homes(self) -> float:
        """Homes that are written in a second at the peak."""
        return self.rates[COMPOSE] * self.population.homes_written(FLUSH_SIZE, LARGE)

    @property
    def named_documents(self) -> float:
        """Names of what posts change in a second at the peak, of which every gateway hears."""
        return self.rates[COMPOSE] * DOCUMENTS_OF_A_POST

    @cached_property
    def service_cores(self) -> dict[str, float]:
        """Cores that are busy at the peak, by service."""
        cores = self._cores(SERVICE_F)
        cores["gateway"] += self.ready * READY_F * FLOOR_MS / 1e3
        return cores

    @cached_property
    def sidecar_cores(self) -> dict[str, float]:
        """The same of the sidecars, by service."""
        cores = self._cores(SIDECAR_F)
        merging = self.rates[HOME_MISS] * self.population.merged(LARGE) * READ_MS
        cores["feed"] += (self.rates[COMPOSE] * fan_out_ms(self.population) + merging) / 1e3
        return cores

    @property
    def server_cores(self) -> float:
        """The same of the broker and the servers of workflows."""
        return sum(self.rates[kind] * f for kind, f in SERVER_F.items()) * FLOOR_MS / 1e3

    @property
    def replicas(self) -> dict[str, int]:
        """Replicas of each service: a process of Python uses one core."""
        return {
            app: max(LEAST_REPLICAS, ceil(self.service_cores.get(app, 0) / BUSY))
            for app in MEMORY_MB
        }

    @property
    def partitions(self) -> dict[str, int]:
        """Parts of each service's store, if each has one writer, whose work a sidecar does."""
        stores = {app: cores for app, cores in self.sidecar_cores.items() if app != "gateway"}
        return {app: ceil(cores / BUSY) for app, cores in stores.items()}

    @property
    def memory_gb(self) -> float:
        """Memory of all services with their sidecars."""
        return sum(count * MEMORY_MB[app] for app, count in self.replicas.items()) / 1e3

    @property
    def stored_gb(self) -> float:
        """What the stores hold after a year."""
        written = sum(365 * WRITES[kind] * size for kind, size in BYTES.items())
        return self.people * (written + BYTES_OF_A_PERSON) / 1e9

    def _cores(self, costs: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
        cores = dict.fromkeys(MEMORY_MB, 0.0)
        for kind, parts in costs.items():
            for app, floors in parts.items():
                cores[app] += self.rates[kind] * floors * FLOOR_MS / 1e3
        return cores
