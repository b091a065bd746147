"""Inviting guests, on a fake system that shows a comment more with every look."""

from __future__ import annotations

from typing import cast

import pytest
from rich.progress import Progress

from bench import guests as module
from bench.client import Client, Person, Refused
from bench.graph import Graph
from bench.guests import COMMENTS, GUESTS, LIKES, invite
from bench.homes import Homes
from bench.load import Loaded


class Town:
    """Takes what is said and liked."""

    def __init__(self, shown: int = COMMENTS) -> None:
        self.answers: dict[str, str] = {}
        self.liked: list[tuple[str, str]] = []
        self._shown = shown - 2
        self._ids = iter(range(100, 10_000))

    async def app_token(self) -> str:
        return "app"

    async def register(self, username: str, app_token: str) -> Person:
        return Person(str(next(self._ids)), f"token of {username}", username)

    async def like(self, person: Person, post: str) -> None:
        self.liked.append((person.id, post))

    async def post(self, author: Person, text: str) -> str:
        return str(next(self._ids))

    async def answer(self, author: Person, text: str, post: str) -> str:
        id = str(next(self._ids))
        self.answers[id] = post
        return id

    async def comments(self, reader: Person, post: str) -> int:
        self._shown += 1
        return min(self._shown, COMMENTS)


def loaded() -> Loaded:
    graph = Graph.of([(0, 1)])
    homes = Homes([Person("1", ""), Person("2", "")], [[1], [0]])
    for author in (0, 1):
        homes.posted(author, str(author + 5))
    return Loaded(graph, [[1], [0]], [Person("1", ""), Person("2", "")], homes)


async def invited(town: Town, place: Loaded) -> module.Guests:
    return await invite(cast("Client", town), place, 1, Progress(disable=True))


async def test_guests_come_with_likes_and_a_thread_that_can_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_PAUSE", 0.0)
    town, place = Town(), loaded()
    guests = await invited(town, place)
    assert len(guests.people) == GUESTS
    assert len(town.liked) == 2 * LIKES
    assert {post for _, post in town.liked} <= {"5", "6"}
    assert len(town.answers) == COMMENTS
    answered = [*town.answers.values()]
    assert answered.count(guests.thread) >= COMMENTS // 2
    assert set(answered) <= {guests.thread, *town.answers}
    assert {"likes", "comments"} <= place.phases.keys()


async def test_a_thread_that_lacks_comments_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSE", 0.0)
    monkeypatch.setattr(module, "_PATIENCE", 0.0)
    with pytest.raises(Refused, match=f"Of {COMMENTS} comments 9"):
        await invited(Town(shown=10), loaded())
