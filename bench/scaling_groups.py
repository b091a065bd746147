"""Who takes part in `--growth`: an author and readers for each size, who differ in one thing."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from bench.api_client import BenchPerson
from bench.home_verifier import HomeVerifier
from bench.scenarios import PAGE_SIZE

FOLLOWERS, FOLLOWEES, AGE = "followers", "followees", "posts in their time"
"""What grows: of the author, of the reader, and the posts that a home timeline has received."""

READER_COUNT = 4
"""Followers of each author whose home timelines are requested: as many for every size."""

SAMPLE_SIZE = 50
"""Followers whose home timelines must show a timed post."""

MAX_READER_SIZE = 1_000
"""The most followees, and posts received, that are measured: each of them is a write or more."""


@dataclass(frozen=True)
class ScalingGroup:
    """An author, the followers, and whom and what the first few of these have besides."""

    grows: str
    size: int
    author: BenchPerson
    followers: Sequence[BenchPerson]
    also_followed: Sequence[BenchPerson] = ()

    @property
    def readers(self) -> Sequence[BenchPerson]:
        return self.followers[:READER_COUNT]

    @property
    def posts_before(self) -> int:
        """Posts of the author before anybody follows, so that follows fill the home timelines."""
        return 0 if self.grows == AGE else PAGE_SIZE

    @property
    def posts_after(self) -> int:
        """Posts that reach the followers one by one."""
        return self.size if self.grows == AGE else 0

    def follows(self) -> list[tuple[BenchPerson, BenchPerson]]:
        """Return every (follower, followed)."""
        besides = [(reader, other) for reader in self.readers for other in self.also_followed]
        return [*((follower, self.author) for follower in self.followers), *besides]


def reader_sizes(sizes: Sequence[int]) -> list[int]:
    """Return the sizes for followees and posts: a full page at least, and not too many."""
    return sorted({min(MAX_READER_SIZE, max(PAGE_SIZE, size)) for size in sizes})


def count_people(sizes: Sequence[int]) -> int:
    """Return how many people all groups need."""
    return sum(sizes) + len(sizes) + 2 * len(reader_sizes(sizes)) * (1 + READER_COUNT)


def assign_people(people: Sequence[BenchPerson], sizes: Sequence[int]) -> list[ScalingGroup]:
    """Return all groups, each with an author and followers of its own."""
    rest = iter(people)
    groups = [
        ScalingGroup(FOLLOWERS, size, next(rest), [next(rest) for _ in range(size)])
        for size in sizes
    ]
    others = [person for group in groups for person in group.followers]
    for grows in (FOLLOWEES, AGE):
        for size in reader_sizes(sizes):
            author, readers = next(rest), [next(rest) for _ in range(READER_COUNT)]
            followed = others[: size - 1] if grows == FOLLOWEES else ()
            groups.append(ScalingGroup(grows, size, author, readers, followed))
    return groups


def homes_to_verify(groups: Sequence[ScalingGroup]) -> tuple[HomeVerifier, list[int]]:
    """Return the home timelines of authors and readers, and the indexes of the authors."""
    people: list[BenchPerson] = []
    friends: list[list[int]] = []
    places: list[int] = []
    for group in groups:
        place = len(people)
        people += [group.author, *group.readers]
        friends += [[], *([place] for _ in group.readers)]
        places.append(place)
    return HomeVerifier(people, friends), places


def sample_followers(followers: Sequence[BenchPerson], seed: int) -> list[BenchPerson]:
    """Return a random sample of followers."""
    return random.Random(seed).sample(list(followers), min(SAMPLE_SIZE, len(followers)))
