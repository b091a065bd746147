"""Creates side accounts, which nobody else follows, a long thread, and some likes.

Side accounts do not change any other home timeline, so they can follow and comment freely.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field

from rich.progress import Progress

from bench.accounts import Accounts
from bench.api_client import BenchClient, BenchPerson, UnexpectedResponse
from bench.dataset_loader import LoadedDataset
from bench.progress import for_each

ACCOUNT_COUNT = 24
COMMENT_COUNT = 500
LIKE_COUNT = 5
"""Likes of each user, so that notifications are not follows alone."""

_CONCURRENCY = 4
_TIMEOUT = 120.0
_POLL_INTERVAL = 0.5


@dataclass
class SideAccounts:
    """The side accounts, and the post at the top of their thread."""

    people: list[BenchPerson] = field(default_factory=list)
    thread: str = ""


async def create_side_accounts(
    client: BenchClient, accounts: Accounts, loaded: LoadedDataset, seed: int, progress: Progress
) -> SideAccounts:
    """Create the side accounts; return when the thread is complete."""

    async def like(pair: tuple[BenchPerson, str]) -> None:
        await client.like(*pair)

    drawn = random.Random(seed)
    people = await accounts.take(client, ACCOUNT_COUNT, progress)
    posts = loaded.homes.post_ids()
    likes = [(person, drawn.choice(posts)) for person in loaded.people for _ in range(LIKE_COUNT)]
    began = time.perf_counter()
    await for_each(progress, "liking", likes, like, _CONCURRENCY)
    began = loaded.note("likes", len(likes), began)
    thread = await _create_thread(client, people, drawn, progress)
    loaded.note("comments", COMMENT_COUNT, began)
    return SideAccounts(people, thread)


async def _create_thread(
    client: BenchClient, people: list[BenchPerson], drawn: random.Random, progress: Progress
) -> str:
    """Create a thread: half of the comments answer the post, the others an earlier comment."""
    made = [await client.post(people[0], "What is your favourite light?")]

    async def comment(number: int) -> None:
        answered = made[0] if number % 2 else drawn.choice(made)
        made.append(await client.reply(drawn.choice(people), f"This one, {number}.", answered))

    await for_each(progress, "commenting", range(COMMENT_COUNT), comment, _CONCURRENCY)
    deadline = time.monotonic() + _TIMEOUT
    while (seen := await client.comments(people[0], made[0])) < COMMENT_COUNT:
        if time.monotonic() > deadline:
            raise UnexpectedResponse(
                f"Of {COMMENT_COUNT} comments {seen} are in their thread after waiting."
            )
        await asyncio.sleep(_POLL_INTERVAL)
    return made[0]
