"""A stream of posts, likes, boosts, comments and follows, and a record of what was acknowledged."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, cycle
from typing import Any

from tests.chaos.retrying_client import request_once, request_until_answered
from tests.system import DEADLINE, LoggedInUser, System

AUTHORS, FOLLOWERS = 2, 3
TOO_LONG_LENGTH = 2_300
POSTS = "/api/v1/statuses"

_POST_INTERVAL = 0.08
_FAST_POSTS = 12
"""How many posts of an author follow one another at once. Then they pause longer: what a scenario
waits for must not queue behind ever more posts."""

_SLOW_POST_INTERVAL = 0.5
_MAX_POSTS_BEFORE_LATE_FOLLOW = 35
"""A follow brings the newest 40 posts into the home timeline; older ones are not added."""

_TOO_LONG_EVERY = 5
_ONCE_EVERY = 3


@dataclass
class ScenarioWorkload:
    """The users of one scenario, and their acknowledged actions."""

    name: str
    authors: list[LoggedInUser]
    followers: list[LoggedInUser]
    late: LoggedInUser
    critic: LoggedInUser
    """Comments and boosts, and follows nobody."""
    fan: LoggedInUser
    """Follows only the critic."""
    fickle: LoggedInUser
    """Follows and unfollows the authors repeatedly."""
    acknowledged: dict[str, list[str]] = field(default_factory=dict)
    """The ids of each author's posts, by the author's name."""
    given_up: dict[str, list[str]] = field(default_factory=dict)
    """Texts of posts with unknown outcome that were not repeated."""
    liked: dict[str, set[str]] = field(default_factory=dict)
    """Names of users with an acknowledged like, by post id."""
    boosted: dict[str, str] = field(default_factory=dict)
    """Ids of the critic's boosts, by post id; empty for a boost that was removed."""
    followed: dict[str, bool] = field(default_factory=dict)
    """Whether the fickle user follows an author, by name."""
    threads: dict[str, list[str]] = field(default_factory=dict)
    """The expected comments below a post, by its id."""

    @classmethod
    def create(cls, system: System, name: str) -> ScenarioWorkload:
        """Register the users of one scenario; the late follower follows nobody yet."""
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
        """Let authors post and others react while the block runs.

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
        """Let the late follower follow all authors."""
        for author in self.authors:
            path = f"/api/v1/accounts/{author.id}/follow"
            answer = request_until_answered(self.late, "POST", path)
            assert answer.json()["following"], answer.text
        self.followers.append(self.late)

    def _write(self, author: LoggedInUser, stop: threading.Event) -> None:
        ours = self.acknowledged.setdefault(author.name, [])
        given_up = self.given_up.setdefault(author.name, [])
        reactions = cycle((self._like, self._comment, self._boost, self._toggle_follow))
        for number in count(1):
            pause = _POST_INTERVAL if len(ours) < _FAST_POSTS else _SLOW_POST_INTERVAL
            if stop.wait(pause) or not self._await_late_follow(ours, stop):
                return
            words = f"{self.name} {author.name} {number}."
            if number % _TOO_LONG_EVERY == 0:
                body = {"status": f"{words} ".ljust(TOO_LONG_LENGTH, "x")}
                assert request_until_answered(author, "POST", POSTS, body).status_code == 422
            elif number % _ONCE_EVERY == 0:
                made = request_once(author, "POST", POSTS, {"status": words})
                if made is None:
                    given_up.append(words)
                else:
                    ours.append(made.json()["id"])
            else:
                made = request_until_answered(author, "POST", POSTS, {"status": words}, key=words)
                assert made.status_code == 200, made.text
                ours.append(made.json()["id"])
                next(reactions)(author, ours[-1])

    def _await_late_follow(self, ours: list[str], stop: threading.Event) -> bool:
        """Wait for the late follow before older posts would be missing from that home timeline."""
        while len(ours) >= _MAX_POSTS_BEFORE_LATE_FOLLOW and self.late not in self.followers:
            if stop.wait(_POST_INTERVAL):
                return False
        return True

    def _like(self, _: LoggedInUser, id: str) -> None:
        """Like a post, in part of the cases unlike it, or like it again."""
        follower = self.followers[len(self.liked) % FOLLOWERS]
        ways = [f"{POSTS}/{id}/favourite", f"{POSTS}/{id}/unfavourite"]
        self.liked[id] = set()
        steps = 1 + len(self.liked) % 3
        if _toggle(follower, ways, steps)["favourited"]:
            self.liked[id].add(follower.name)

    def _boost(self, _: LoggedInUser, id: str) -> None:
        """Boost a post, in part of the cases remove the boost, or boost it again."""
        ways = [f"{POSTS}/{id}/reblog", f"{POSTS}/{id}/unreblog"]
        steps = 1 + len(self.boosted) % 3
        response_body = _toggle(self.critic, ways, steps)
        self.boosted[id] = response_body["id"] if response_body["reblog"] else ""

    def _toggle_follow(self, author: LoggedInUser, _: str) -> None:
        """Toggle a follow one to three times."""
        ways = [f"/api/v1/accounts/{author.id}/{verb}" for verb in ("follow", "unfollow")]
        if self.followed.get(author.name):
            ways.reverse()
        steps = 1 + len(self.acknowledged[author.name]) % 3
        self.followed[author.name] = _toggle(self.fickle, ways, steps)["following"]

    def _comment(self, _: LoggedInUser, id: str) -> None:
        """Comment twice in a chain, and delete one or none of the two."""
        upper = self._reply(id, "upper")
        lower = self._reply(upper, "lower")
        left, gone = (([upper, lower], ""), ([upper], lower), ([lower], upper))[
            len(self.threads) % 3
        ]
        self.threads[id] = left
        if gone:
            assert (
                request_until_answered(self.critic, "DELETE", f"{POSTS}/{gone}").status_code == 200
            )

    def _reply(self, id: str, what: str) -> str:
        body = {"status": what, "in_reply_to_id": id}
        made = request_until_answered(self.critic, "POST", POSTS, body, key=f"{what} {id}")
        assert made.status_code == 200, made.text
        return str(made.json()["id"])


def _toggle(person: LoggedInUser, ways: list[str], steps: int) -> dict[str, Any]:
    """Do and undo something in a number of steps; return the last response.

    What is not answered may take effect late, so it is insisted on, and not undone.
    """
    answer = None
    for path in (ways * steps)[:steps]:
        answer = request_once(person, "POST", path)
        if answer is None:
            break
    answer = answer if answer is not None else request_until_answered(person, "POST", path)
    assert answer.status_code == 200, f"{path}: {answer.text}"
    response_body: dict[str, Any] = answer.json()
    return response_body


def _finish(running: list[Future[None]]) -> None:
    for future in running:
        future.result(DEADLINE + 10)
