"""Inviting guests, on a fake system that shows a comment more with every look."""

from __future__ import annotations

from typing import cast

import pytest
from rich.progress import Progress

from bench import side_accounts as module
from bench.api_client import BenchClient, BenchPerson, UnexpectedResponse
from bench.dataset_loader import LoadedDataset
from bench.home_verifier import HomeVerifier
from bench.side_accounts import ACCOUNT_COUNT, COMMENT_COUNT, LIKE_COUNT, create_side_accounts
from bench.social_graph import SocialGraph


class FakeBenchClient:
    """Takes what is said and liked."""

    def __init__(self, shown: int = COMMENT_COUNT) -> None:
        self.answers: dict[str, str] = {}
        self.liked: list[tuple[str, str]] = []
        self._shown = shown - 2
        self._ids = iter(range(100, 10_000))

    def new_person(self) -> BenchPerson:
        id = str(next(self._ids))
        return BenchPerson(id, f"token of {id}")

    async def like(self, person: BenchPerson, post: str) -> None:
        self.liked.append((person.id, post))

    async def post(self, author: BenchPerson, text: str) -> str:
        return str(next(self._ids))

    async def reply(self, author: BenchPerson, text: str, post: str) -> str:
        id = str(next(self._ids))
        self.answers[id] = post
        return id

    async def comments(self, reader: BenchPerson, post: str) -> int:
        self._shown += 1
        return min(self._shown, COMMENT_COUNT)


def loaded() -> LoadedDataset:
    graph = SocialGraph.from_edges([(0, 1)])
    homes = HomeVerifier([BenchPerson("1", ""), BenchPerson("2", "")], [[1], [0]])
    for author in (0, 1):
        homes.record_post(author, str(author + 5))
    return LoadedDataset(graph, [[1], [0]], [BenchPerson("1", ""), BenchPerson("2", "")], homes)


class FakeAccounts:
    """Creates as many people as are asked for."""

    async def take(self, client: BenchClient, count: int, progress: Progress) -> list[BenchPerson]:
        return [cast("FakeBenchClient", client).new_person() for _ in range(count)]


async def create(client: FakeBenchClient, place: LoadedDataset) -> module.SideAccounts:
    return await create_side_accounts(
        cast("BenchClient", client), FakeAccounts(), place, 1, Progress(disable=True)
    )


async def test_side_accounts_have_likes_and_a_readable_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_POLL_INTERVAL", 0.0)
    client, place = FakeBenchClient(), loaded()
    guests = await create(client, place)
    assert len(guests.people) == ACCOUNT_COUNT
    assert len(client.liked) == 2 * LIKE_COUNT
    assert {post for _, post in client.liked} <= {"5", "6"}
    assert len(client.answers) == COMMENT_COUNT
    answered = [*client.answers.values()]
    assert answered.count(guests.thread) >= COMMENT_COUNT // 2
    assert set(answered) <= {guests.thread, *client.answers}
    assert {"likes", "comments"} <= place.phases.keys()


async def test_a_thread_that_lacks_comments_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_POLL_INTERVAL", 0.0)
    monkeypatch.setattr(module, "_TIMEOUT", 0.0)
    with pytest.raises(UnexpectedResponse, match=f"Of {COMMENT_COUNT} comments 9"):
        await create(FakeBenchClient(shown=10), loaded())
