"""What is there beside the graph: guests whom nobody else follows, a long thread, some likes.

Guests change nothing of what anybody's home must show, so they can follow and comment at will.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from dataclasses import dataclass, field

from rich.progress import Progress

from bench.client import Client, Person, Refused
from bench.load import Loaded
from bench.progress import for_each

GUESTS = 24
COMMENTS = 500
LIKES = 5
"""Of each person, so that notifications are not of follows alone."""

_AT_ONCE = 4
_PATIENCE = 120.0
_PAUSE = 0.5


@dataclass
class Guests:
    """Who they are, and the post below which they talk."""

    people: list[Person] = field(default_factory=list)
    thread: str = ""


async def invite(client: Client, loaded: Loaded, seed: int, progress: Progress) -> Guests:
    """Bring them in; return when the thread can be read in full."""
    token = await client.app_token()
    prefix = f"g{secrets.token_hex(3)}_"

    async def register(number: int) -> Person:
        return await client.register(f"{prefix}{number}", token)

    async def like(pair: tuple[Person, str]) -> None:
        await client.like(*pair)

    drawn = random.Random(seed)
    people = await for_each(progress, "inviting guests", range(GUESTS), register, _AT_ONCE)
    posts = loaded.homes.posts()
    likes = [(person, drawn.choice(posts)) for person in loaded.people for _ in range(LIKES)]
    began = time.perf_counter()
    await for_each(progress, "liking", likes, like, _AT_ONCE)
    began = loaded.note("likes", len(likes), began)
    thread = await _talk(client, people, drawn, progress)
    loaded.note("comments", COMMENTS, began)
    return Guests(people, thread)


async def _talk(
    client: Client, people: list[Person], drawn: random.Random, progress: Progress
) -> str:
    """A thread: every other comment answers the post, the rest answer any comment before."""
    made = [await client.post(people[0], "What is your favourite light?")]

    async def comment(number: int) -> None:
        answered = made[0] if number % 2 else drawn.choice(made)
        made.append(await client.answer(drawn.choice(people), f"This one, {number}.", answered))

    await for_each(progress, "commenting", range(COMMENTS), comment, _AT_ONCE)
    deadline = time.monotonic() + _PATIENCE
    while (seen := await client.comments(people[0], made[0])) < COMMENTS:
        if time.monotonic() > deadline:
            raise Refused(f"Of {COMMENTS} comments {seen} are in their thread after waiting.")
        await asyncio.sleep(_PAUSE)
    return made[0]
