"""`comments` in Python and in Go run as replicas of one service, on the same data."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.chaos.invariants import await_invariants
from tests.chaos.scenarios import await_progress
from tests.chaos.workload import ScenarioWorkload
from tests.e2e.page_assertions import ids
from tests.system import SETS, LoggedInUser, System, start_system, wait_until
from tests.system.system import ProcessRow

PYTHON, GO = "comments", "comments.2"
TOPIC = "comment-counts"
MANY = 150
"""So many comments that a thread has a segment beside its head (from 121 rows on)."""


@dataclass(frozen=True)
class Replica:
    """One replica of `comments`, which is asked directly."""

    system: System
    name: str

    @property
    def row(self) -> ProcessRow:
        return self.system.ps()[self.name]

    @property
    def program(self) -> str:
        """The name of the program that runs as this replica."""
        assert self.row.pid is not None
        return Path(f"/proc/{self.row.pid}/exe").readlink().name

    def get(self, path: str, caller: str, reader: LoggedInUser | None = None) -> Any:
        """Ask as the sidecar would for a request of another service."""
        headers = {
            "dapr-api-token": self.system.tokens(self.name).app,
            "dapr-caller-app-id": caller,
            **({"authorization": f"Bearer {reader.token}"} if reader else {}),
        }
        answer = requests.get(
            f"http://127.0.0.1:{self.row.app_port}{path}", headers=headers, timeout=60
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def thread(self, root: str, reader: LoggedInUser) -> list[str]:
        found: list[str] = self.get(f"/threads/{root}", "gateway", reader)["descendants"]
        return found

    def heads(self) -> dict[str, int]:
        """The last number of each stream of counts of comments."""
        found: dict[str, int] = self.get(f"/changes?topics={TOPIC}", "posts")[TOPIC]
        return found

    def counts(self) -> dict[str, tuple[int, int]]:
        """The newest count of comments of each post and its version, as all streams give it."""
        found: dict[str, tuple[int, int]] = {}
        for stream, last in self.heads().items():
            after = 0
            while after < last:
                path = f"/changes/{TOPIC}/{stream}?after={after}"
                answer = self.get(path, "posts")
                for event in answer["events"]:
                    seen = (event["entityversion"], event["data"]["total"])
                    found[event["subject"]] = max(found.get(event["subject"], (0, 0)), seen)
                assert answer["settled"] > after, f"{self.name} does not settle {path}"
                after = answer["settled"]
        return found


@pytest.fixture(scope="module", params=SETS)
def system(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    folder = tmp_path_factory.mktemp(f"guests-{request.param}")
    options = ("--guest", "comments=python+go")
    with start_system(request.param, folder, replicas="comments=2", options=options) as system:
        yield system


@pytest.fixture
def replicas(system: System) -> tuple[Replica, Replica]:
    return Replica(system, PYTHON), Replica(system, GO)


@contextmanager
def only(system: System, name: str) -> Iterator[None]:
    """Let one replica do all work: the other one has no sidecar."""
    other = f"{GO if name == PYTHON else PYTHON}.daprd"
    system.stop(other)
    try:
        yield
    finally:
        system.start(other)


def reply(person: LoggedInUser, to: str, text: str) -> str:
    return str(person.client.status_post(text, in_reply_to_id=to).id)


def await_thread(reader: LoggedInUser, replica: Replica, root: str, expected: list[str]) -> None:
    """Wait until a replica gives a thread."""
    wait_until(
        lambda: replica.thread(root, reader) == expected, what=f"the thread of {replica.name}"
    )


def test_one_replica_is_python_and_one_is_go(replicas: tuple[Replica, Replica]) -> None:
    python, go = replicas
    assert python.program.startswith("python")
    assert go.program.startswith("comments-go")


@pytest.mark.parametrize(("writer", "reader"), [(PYTHON, GO), (GO, PYTHON)])
def test_what_one_wrote_the_other_reads_and_continues(
    system: System, writer: str, reader: str
) -> None:
    anna, ben = system.register("anna"), system.register("ben")
    first, second = Replica(system, writer), Replica(system, reader)
    root = str(anna.client.status_post("many comments").id)
    with only(system, writer):
        with ThreadPoolExecutor(4) as pool:
            replies = sorted(pool.map(lambda n: reply(ben, root, f"reply {n}"), range(MANY)))
        below = reply(anna, replies[-1], "below the last one")
        await_thread(anna, first, root, [*replies, below])
    with only(system, reader):
        await_thread(anna, second, root, [*replies, below])
        gone, kept = {replies[0], replies[70]}, reply(anna, replies[1], "below the second one")
        for each in gone:
            ben.client.status_delete(each)
        left = [id for id in replies if id not in gone]
        expected = [left[0], kept, *left[1:], below]
        await_thread(anna, second, root, expected)
    await_thread(anna, first, root, expected)
    wait_until(lambda: anna.client.status(root).replies_count == len(left), what="the count")
    shown = ids(anna.client.status_context(root).descendants)
    assert [id for id in shown if id not in expected] == []


def test_both_tell_and_each_answers_for_the_other(
    system: System, replicas: tuple[Replica, Replica]
) -> None:
    anna = system.register("anna")
    before = set(replicas[0].heads())
    posts = [str(anna.client.status_post(f"post {number}").id) for number in range(20)]
    for post in posts:
        reply(anna, post, "a comment")

    def same() -> bool:
        first, second = (each.counts() for each in replicas)
        assert {post: first.get(post, (0, 0))[1] for post in posts} == dict.fromkeys(posts, 1)
        assert first == second
        return True

    wait_until(same)
    for each in replicas:  # each has its own stream in this run
        assert set(each.heads()) >= before
    assert len(set(replicas[0].heads())) >= 2


def test_nothing_is_lost_while_both_work_and_each_is_killed(system: System) -> None:
    workload = ScenarioWorkload.create(system, "side by side")
    with workload.posting():
        await_progress(workload)
        for name in (GO, PYTHON, f"{GO}.daprd", f"{PYTHON}.daprd"):
            system.kill(name)
            await_progress(workload, 3)
        workload.follow_late()
        system.await_ready()
        await_progress(workload)
    await_invariants(workload)
    for root, expected in workload.threads.items():
        for name in (PYTHON, GO):
            replica = Replica(system, name)
            assert sorted(replica.thread(root, workload.critic)) == sorted(expected)
