"""A stream of posts, likes, boosts, comments and follows, and the account kept of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, cycle
from typing import Any

from tests.chaos.asking import attempt, insist
from tests.system import PATIENCE, Person, System

AUTHORS, FOLLOWERS = 2, 3
TOO_LONG = 2_300
POSTS = "/api/v1/statuses"

_PAUSE = 0.08
_FAST_POSTS = 12
"""How many posts of an author follow one another at once. Then they pause longer: what a storm
waits for must not queue behind ever more posts."""

_SLOW_PAUSE = 0.5
_BEFORE_LATE = 35
"""Somebody's newest 40 posts come into the home of who follows them; the older ones do not."""

_TOO_LONG_EVERY = 5
_ONCE_EVERY = 3


@dataclass
class Cast:
    """Who takes part in one storm, and what they were told."""

    name: str
    authors: list[Person]
    followers: list[Person]
    late: Person
    critic: Person
    """Follows nobody, and comments and boosts."""
    fan: Person
    """Follows the critic alone."""
    fickle: Person
    """Follows the authors, and does not, and does."""
    acknowledged: dict[str, list[str]] = field(default_factory=dict)
    """The ids of each author's posts, by the author's name."""
    given_up: dict[str, list[str]] = field(default_factory=dict)
    """The words of posts whose author was told of trouble and did not try again."""
    liked: dict[str, set[str]] = field(default_factory=dict)
    """Who was told that they like a post, by its id."""
    boosted: dict[str, str] = field(default_factory=dict)
    """The id of the critic's boost of a post, by its id; nothing where it was taken back."""
    followed: dict[str, bool] = field(default_factory=dict)
    """Whether the fickle one follows an author, by name."""
    threads: dict[str, list[str]] = field(default_factory=dict)
    """The comments that there must be below a post, by its id."""

    @classmethod
    def of(cls, system: System, name: str) -> Cast:
        """People for one storm; the followers follow the authors, the late one nobody yet."""
        others = ["late", "critic", "fan", "fickle"]
        words = ["author"] * AUTHORS + ["follower"] * FOLLOWERS + others
        with ThreadPoolExecutor(3) as pool:
            people = list(pool.map(system.register, words))
        authors, followers = people[:AUTHORS], people[AUTHORS : -len(others)]
        late, critic, fan, fickle = people[-len(others) :]
        for follower in followers:
            for author in authors:
                follower.client.account_follow(author.id)
        fan.client.account_follow(critic.id)
        return cls(name, authors, followers, late, critic, fan, fickle)

    @contextmanager
    def posting(self) -> Iterator[None]:
        """Authors post and others react to it, for as long as the block runs.

        Raises at its end what went wrong for somebody who had patience.
        """
        stop = threading.Event()
        with ThreadPoolExecutor(AUTHORS) as pool:
            running = [pool.submit(self._write, author, stop) for author in self.authors]
            try:
                yield
            finally:
                stop.set()
                _finish(running)

    def follow_late(self) -> None:
        """Somebody follows everybody in the middle of it all."""
        for author in self.authors:
            path = f"/api/v1/accounts/{author.id}/follow"
            answer = insist(self.late, "POST", path)
            assert answer.json()["following"], answer.text
        self.followers.append(self.late)

    def _write(self, author: Person, stop: threading.Event) -> None:
        ours = self.acknowledged.setdefault(author.name, [])
        given_up = self.given_up.setdefault(author.name, [])
        reactions = cycle((self._like, self._comment, self._boost, self._waver))
        for number in count(1):
            pause = _PAUSE if len(ours) < _FAST_POSTS else _SLOW_PAUSE
            if stop.wait(pause) or not self._may_go_on(ours, stop):
                return
            words = f"{self.name} {author.name} {number}."
            if number % _TOO_LONG_EVERY == 0:
                body = {"status": f"{words} ".ljust(TOO_LONG, "x")}
                assert insist(author, "POST", POSTS, body).status_code == 422
            elif number % _ONCE_EVERY == 0:
                made = attempt(author, "POST", POSTS, {"status": words})
                if made is None:
                    given_up.append(words)
                else:
                    ours.append(made.json()["id"])
            else:
                made = insist(author, "POST", POSTS, {"status": words}, key=words)
                assert made.status_code == 200, made.text
                ours.append(made.json()["id"])
                next(reactions)(author, ours[-1])

    def _may_go_on(self, ours: list[str], stop: threading.Event) -> bool:
        """Wait, where an author has posted what a late follower gets, until that one is there."""
        while len(ours) >= _BEFORE_LATE and self.late not in self.followers:
            if stop.wait(_PAUSE):
                return False
        return True

    def _like(self, _: Person, id: str) -> None:
        """A like; or one that is taken back, or made again."""
        follower = self.followers[len(self.liked) % FOLLOWERS]
        ways = [f"{POSTS}/{id}/favourite", f"{POSTS}/{id}/unfavourite"]
        self.liked[id] = set()
        steps = 1 + len(self.liked) % 3
        if _to_and_fro(follower, ways, steps)["favourited"]:
            self.liked[id].add(follower.name)

    def _boost(self, _: Person, id: str) -> None:
        """A boost; or one that is taken back, or made again."""
        ways = [f"{POSTS}/{id}/reblog", f"{POSTS}/{id}/unreblog"]
        steps = 1 + len(self.boosted) % 3
        told = _to_and_fro(self.critic, ways, steps)
        self.boosted[id] = told["id"] if told["reblog"] else ""

    def _waver(self, author: Person, _: str) -> None:
        """A follow; or one that is taken back, or made again; later the other way round."""
        ways = [f"/api/v1/accounts/{author.id}/{verb}" for verb in ("follow", "unfollow")]
        if self.followed.get(author.name):
            ways.reverse()
        steps = 1 + len(self.acknowledged[author.name]) % 3
        self.followed[author.name] = _to_and_fro(self.fickle, ways, steps)["following"]

    def _comment(self, _: Person, id: str) -> None:
        """A comment and one below it: left, or one of the two deleted."""
        upper = self._said_below(id, "upper")
        lower = self._said_below(upper, "lower")
        left, gone = (([upper, lower], ""), ([upper], lower), ([lower], upper))[
            len(self.threads) % 3
        ]
        self.threads[id] = left
        if gone:
            assert insist(self.critic, "DELETE", f"{POSTS}/{gone}").status_code == 200

    def _said_below(self, id: str, what: str) -> str:
        body = {"status": what, "in_reply_to_id": id}
        made = insist(self.critic, "POST", POSTS, body, key=f"{what} {id}")
        assert made.status_code == 200, made.text
        return str(made.json()["id"])


def _to_and_fro(person: Person, ways: list[str], steps: int) -> dict[str, Any]:
    """Do something, undo it, do it again: so many steps. Returns the last answer.

    What is not answered may take effect late, so it is insisted on, and not undone.
    """
    answer = None
    for path in (ways * steps)[:steps]:
        answer = attempt(person, "POST", path)
        if answer is None:
            break
    answer = answer if answer is not None else insist(person, "POST", path)
    assert answer.status_code == 200, f"{path}: {answer.text}"
    told: dict[str, Any] = answer.json()
    return told


def _finish(running: list[Future[None]]) -> None:
    for future in running:
        future.result(PATIENCE + 10)
