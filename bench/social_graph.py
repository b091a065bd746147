"""A friendship graph, from a file or generated."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

PEOPLE, EDGES, LARGEST = 962, 18_812, 313
"""The size of a generated graph: that of socfb-Reed98, a real graph of college friendships."""

_DECAY = 0.8
_REPEATS = 1.13
"""The factor by which the best connected are drawn more often, because they repeat most."""


@dataclass(frozen=True)
class SocialGraph:
    """Users `0…people-1`, the best connected first; an edge means that both follow each other."""

    people: int
    edges: frozenset[tuple[int, int]]

    @classmethod
    def from_edges(cls, pairs: Iterable[tuple[int, int]]) -> SocialGraph:
        """Create a graph from edges in any order, with loops, repeats and any numbering."""
        edges = {(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]}
        degrees = Counter(end for edge in edges for end in edge)
        order = sorted(degrees, key=lambda person: (-degrees[person], person))
        place = {person: i for i, person in enumerate(order)}
        return cls(len(order), frozenset(_sorted(place[a], place[b]) for a, b in edges))

    def best_connected(self, count: int) -> SocialGraph:
        """Return the subgraph of the users with the most friends; the whole graph for 0."""
        if not 0 < count < self.people:
            return self
        return SocialGraph.from_edges((a, b) for a, b in self.edges if a < count and b < count)

    def friends(self) -> list[list[int]]:
        """Return the friends of each user: they follow each other."""
        friends: list[list[int]] = [[] for _ in range(self.people)]
        for a, b in sorted(self.edges):
            friends[a].append(b)
            friends[b].append(a)
        return friends

    def follows(self) -> list[tuple[int, int]]:
        """Return every (follower, followed), two for an edge."""
        return [pair for a, b in sorted(self.edges) for pair in ((a, b), (b, a))]


def _sorted(a: int, b: int) -> tuple[int, int]:
    return (a, b) if a < b else (b, a)


def read_graph(path: Path) -> SocialGraph:
    """Read a file of lines `a b`; lines that begin with % or # are comments.

    Raises ValueError, with the line, for anything else.
    """
    pairs: list[tuple[int, int]] = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        words = line.split()
        if not words or words[0][0] in "%#":
            continue
        try:
            pairs.append((int(words[0]), int(words[1])))
        except (ValueError, IndexError):
            raise ValueError(f"{path}:{number}: not an edge: {line[:60]!r}") from None
    return SocialGraph.from_edges(pairs)


def make_graph(
    seed: int, people: int = PEOPLE, edges: int = EDGES, largest: int = LARGEST
) -> SocialGraph:
    """Generate a graph with power-law degrees; the best connected has about `largest` friends.

    Ends of edges are drawn in proportion to weights (Chung and Lu, 2002), each edge once.
    """
    if edges > people * (people - 1) // 4:
        raise ValueError(f"{people} people cannot have {edges} edges and differ in them.")
    drawn = random.Random(seed)
    sums = list(accumulate(_weights(people, _REPEATS * largest / (2 * edges))))
    everybody = range(people)
    chosen: set[tuple[int, int]] = set()
    while len(chosen) < edges:
        a, b = drawn.choices(everybody, cum_weights=sums, k=2)
        if a != b:
            chosen.add(_sorted(a, b))
    return SocialGraph.from_edges(chosen)


def _weights(people: int, first_share: float) -> list[float]:
    """Return weights `(i + offset) ** -decay`; the first has a given share of the sum."""
    low, high = 1e-3, float(people)
    for _ in range(60):
        offset = (low + high) / 2
        weights = [(i + offset) ** -_DECAY for i in range(people)]
        if weights[0] / sum(weights) > first_share:
            low = offset
        else:
            high = offset
    return weights
