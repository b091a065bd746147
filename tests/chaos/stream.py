"""A stream of posts by several authors with several followers, and the account kept of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.chaos.asking import PATIENCE, attempt, insist, read, whole
from tests.e2e.reading import ids, names
from tests.system import Person, System, wait_until

AUTHORS, FOLLOWERS = 2, 3
TOO_LONG = 2_300
POSTS = "/api/v1/statuses"

_PAUSE = 0.08
_BEFORE_LATE = 35
"""Somebody's newest 40 posts come into the home of who follows them; the older ones do not."""

_TOO_LONG_EVERY = 5
_ONCE_EVERY = 3
_LIKE_EVERY = 4


@dataclass
class Cast:
    """Who takes part in one storm, and what they were told."""

    name: str
    authors: list[Person]
    followers: list[Person]
    late: Person
    critic: Person
    """Follows nobody, and comments."""
    acknowledged: dict[str, list[str]] = field(default_factory=dict)
    """The ids of each author's posts, by the author's name."""
    given_up: dict[str, list[str]] = field(default_factory=dict)
    """The words of posts whose author was told of trouble and did not try again."""
    liked: dict[str, set[str]] = field(default_factory=dict)
    """Who was told that they like a post, by its id."""
    threads: dict[str, list[str]] = field(default_factory=dict)
    """The comments that there must be below a post, by its id."""

    @classmethod
    def of(cls, system: System, name: str) -> Cast:
        """People for one storm; the followers follow the authors, the late one nobody yet."""
        words = ["author"] * AUTHORS + ["follower"] * FOLLOWERS + ["late", "critic"]
        with ThreadPoolExecutor(3) as pool:
            people = list(pool.map(system.register, words))
        authors, followers = people[:AUTHORS], people[AUTHORS:-2]
        for follower in followers:
            for author in authors:
                follower.client.account_follow(author.id)
        return cls(name, authors, followers, late=people[-2], critic=people[-1])

    @contextmanager
    def posting(self) -> Iterator[None]:
        """Authors post, followers like and a critic comments, for as long as the block runs.

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
        for number in count(1):
            if stop.wait(_PAUSE) or not self._may_go_on(ours, stop):
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
                if number % _LIKE_EVERY == 0:
                    self._like(ours[-1])
                    self._comment(ours[-1])

    def _may_go_on(self, ours: list[str], stop: threading.Event) -> bool:
        """Wait, where an author has posted what a late follower gets, until that one is there."""
        while len(ours) >= _BEFORE_LATE and self.late not in self.followers:
            if stop.wait(_PAUSE):
                return False
        return True

    def _like(self, id: str) -> None:
        follower = self.followers[len(self.liked) % FOLLOWERS]
        path = f"/api/v1/statuses/{id}/favourite"
        assert insist(follower, "POST", path).status_code == 200
        self.liked.setdefault(id, set()).add(follower.name)

    def _comment(self, id: str) -> None:
        """A comment and one below it: left, or the lower one deleted, or the upper with both."""
        upper = self._said_below(id, "upper")
        lower = self._said_below(upper, "lower")
        left, gone = (([upper, lower], ""), ([upper], lower), ([], upper))[len(self.threads) % 3]
        self.threads[id] = left
        if gone:
            assert insist(self.critic, "DELETE", f"{POSTS}/{gone}").status_code == 200

    def _said_below(self, id: str, what: str) -> str:
        body = {"status": what, "in_reply_to_id": id}
        made = insist(self.critic, "POST", POSTS, body, key=f"{what} {id}")
        assert made.status_code == 200, made.text
        return str(made.json()["id"])

    # ── what must hold afterwards ───────────────────────────────────────────────────────────

    def settled(self, deadline: float) -> None:
        """Wait until everything that must hold in the end does, and fail with what does not."""
        posted = sum(map(len, self.acknowledged.values()))
        assert posted >= AUTHORS, "nobody posted anything"

        def holds() -> bool:
            self._check_homes([id for author in self.authors for id in self._check_author(author)])
            self._check_likes()
            self._check_threads()
            for author in self.authors:
                self._check_notifications(author)
            return True

        wait_until(holds, deadline)

    def _check_homes(self, wanted: list[str]) -> None:
        for follower in self.followers:
            found = whole(follower, "/api/v1/timelines/home")
            _same(f"{follower.name}'s home", ids(found), sorted(wanted, reverse=True))
            for status in found:
                answered = int(bool(self.threads.get(status["id"])))
                _same(f"replies to {status['id']} at home", status["replies_count"], answered)

    def _check_author(self, author: Person) -> list[str]:
        """An author's posts: all they were told of, and of those they gave up, some perhaps."""
        listed = whole(author, f"/api/v1/accounts/{author.id}/statuses")
        after_all = self._made_after_all(author, listed)
        ours = sorted([*self.acknowledged[author.name], *after_all], reverse=True)
        _same(f"{author.name}'s posts", ids(listed), ours)
        me = read(author, "/api/v1/accounts/verify_credentials").json()
        _same(f"{author.name}'s number of posts", me["statuses_count"], len(ours))
        followers = whole(author, f"/api/v1/accounts/{author.id}/followers")
        expected = sorted(follower.name for follower in self.followers)
        _same(f"{author.name}'s followers", sorted(names(followers)), expected)
        _same(f"{author.name}'s number of followers", me["followers_count"], len(expected))
        return ours

    def _made_after_all(self, author: Person, listed: list[dict[str, Any]]) -> list[str]:
        found = []
        for words in self.given_up[author.name]:
            made = [status["id"] for status in listed if words in status["content"]]
            assert len(made) <= 1, f"«{words}» was made more than once: {made}"
            found += made
        return found

    def _check_likes(self) -> None:
        reader = self.followers[0]
        for id, expected in self.liked.items():
            likers = whole(reader, f"/api/v1/statuses/{id}/favourited_by")
            _same(f"who likes {id}", set(names(likers)), expected)
            status = read(reader, f"/api/v1/statuses/{id}").json()
            _same(f"how many like {id}", status["favourites_count"], len(expected))
        for follower in self.followers:
            mine = [id for id, likers in self.liked.items() if follower.name in likers]
            listed = whole(follower, "/api/v1/favourites")
            _same(f"{follower.name}'s favourites", sorted(ids(listed)), sorted(mine))

    def _check_notifications(self, author: Person) -> None:
        """What an author was told of: each like, comment and follow, once."""
        ours = set(self.acknowledged[author.name])
        expected = [f"follow {follower.name}" for follower in self.followers]
        for id in ours & self.liked.keys():
            expected += [f"favourite {name} {id}" for name in self.liked[id]]
        for id in ours & self.threads.keys():
            expected += [f"mention {self.critic.name} {comment}" for comment in self.threads[id]]
        told = [
            " ".join(
                [
                    each["type"],
                    *names([each["account"]]),
                    *ids([each["status"]] if each["status"] else []),
                ]
            )
            for each in whole(author, "/api/v1/notifications")
        ]
        _same(f"{author.name}'s notifications", sorted(told), sorted(expected))

    def _check_threads(self) -> None:
        """A thread and the number of direct replies are what was said and not deleted."""
        reader = self.followers[0]
        for id, thread in self.threads.items():
            context = read(reader, f"{POSTS}/{id}/context").json()
            _same(f"the thread below {id}", ids(context["descendants"]), thread)
            for place, post in enumerate([id, *thread]):
                status = read(reader, f"{POSTS}/{post}").json()
                answered = int(place < len(thread))
                _same(f"replies to {post}", status["replies_count"], answered)


def _finish(running: list[Future[None]]) -> None:
    for future in running:
        future.result(PATIENCE + 10)


def _same(what: str, found: Any, expected: Any) -> None:
    if found == expected:
        return
    if isinstance(found, list) and isinstance(expected, list):
        lost = [each for each in expected if each not in found]
        extra = [each for each in found if each not in expected]
        twice = sorted({each for each in found if found.count(each) > 1})
        found = f"{len(found)} of {len(expected)}: lost {lost}, extra {extra}, twice {twice}"
    raise AssertionError(f"{what}: {found!r}, not {expected if isinstance(expected, int) else ''}")
