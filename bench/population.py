"""How many followers people have: in a graph, or at sizes for which no graph can be made.

The follower counts of a large population are a power law (Chung and Lu, 2002), with the exponent of
`bench/social_graph.py`. People are put together whose ranks are near, so that 100 million of them
are some hundred groups.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import exp

from bench.social_graph import EDGES, PEOPLE, SocialGraph

MEAN_FOLLOWERS = 2 * EDGES / PEOPLE
"""39.1, as in socfb-Reed98: the same at every size."""

LARGEST_SHARE = 0.1
"""The share of all people who follow the best known one. Assumed."""

_DECAY = 0.8
_GROUPS_PER_DECADE = 40


@dataclass(frozen=True, slots=True)
class Group:
    """People with the same number of followers, who follow as many accounts each as `follows`."""

    people: float
    followers: float
    follows: float


@dataclass(frozen=True)
class Population:
    """All people, by their number of followers, the best known first."""

    groups: tuple[Group, ...]

    @classmethod
    def of_graph(cls, graph: SocialGraph) -> Population:
        """Return everybody of a graph; an edge is two follows."""
        degrees = [float(len(friends)) for friends in graph.friends()]
        return cls(tuple(Group(1, degree, degree) for degree in degrees))

    @classmethod
    def of_size(cls, people: int) -> Population:
        """Return a power law of this size. All follow the same number of accounts."""
        curve = _PowerLaw.fit(people, MEAN_FOLLOWERS, LARGEST_SHARE * people)
        bounds = [*_bounds(people)]
        pairs = pairwise(bounds)
        return cls(
            tuple(
                Group(high - low, curve.between(low, high) / (high - low), MEAN_FOLLOWERS)
                for low, high in pairs
            )
        )

    @property
    def people(self) -> float:
        return sum(group.people for group in self.groups)

    @property
    def mean_followers(self) -> float:
        return _follows(self.groups) / self.people

    def large(self, limit: int) -> Population:
        """Return those with more followers than a limit."""
        return Population(tuple(group for group in self.groups if group.followers > limit))

    def fanned_out(self, limit: int) -> float:
        """Return the homes into which a post goes on average: of its author and the followers.

        The posts of authors above the limit go to none.
        """
        small = [group for group in self.groups if group.followers <= limit]
        return sum(group.people * (group.followers + 1) for group in small) / self.people

    def merged(self, limit: int) -> float:
        """Return how many accounts above the limit somebody follows on average."""
        return _follows(self.large(limit).groups) / self.people

    def homes_written(self, posts: int, limit: int) -> float:
        """Return the homes that are written for each post, if so many posts move together.

        A home that gets several of them is written once. Who follows more gets more.
        """
        inserted = posts * self.fanned_out(limit)
        follows = sum(group.people * group.follows for group in self.groups)
        written = sum(
            group.people * (1 - exp(-inserted * group.follows / follows)) for group in self.groups
        )
        return written / posts


@dataclass(frozen=True, slots=True)
class _PowerLaw:
    """`factor * (rank + offset) ** -decay` followers."""

    factor: float
    offset: float

    @classmethod
    def fit(cls, people: int, mean: float, largest: float) -> _PowerLaw:
        low, high = 1e-9, float(people)
        for _ in range(100):
            offset = (low * high) ** 0.5
            unscaled = cls(1.0, offset)
            factor = mean * people / unscaled.between(0, people)
            if cls(factor, offset).at(0) > largest:
                low = offset
            else:
                high = offset
        return cls(factor, offset)

    def at(self, rank: float) -> float:
        return float(self.factor * (rank + self.offset) ** -_DECAY)

    def between(self, low: float, high: float) -> float:
        """Return the sum of a range of ranks."""
        power = 1 - _DECAY
        ends = ((rank + self.offset) ** power for rank in (high, low))
        first, second = ends
        return float(self.factor / power * (first - second))


def _bounds(people: int) -> Iterator[float]:
    """Yield ranks from 0 to the last one, each a few percent above the one before."""
    rank = 0.0
    while rank < people:
        yield rank
        rank = max(rank + 1, float(round(rank * 10 ** (1 / _GROUPS_PER_DECADE))))
    yield float(people)


def _follows(groups: Iterable[Group]) -> float:
    return sum(group.people * group.followers for group in groups)
