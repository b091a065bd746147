"""The invariants after a scenario: counts agree with lists, and lists with acknowledged actions."""

from __future__ import annotations

from typing import Any

from tests.chaos.retrying_client import read_all_pages, read_page
from tests.chaos.workload import AUTHORS, POSTS, ScenarioWorkload
from tests.e2e.page_assertions import ids, names
from tests.system import LoggedInUser, wait_until


def await_invariants(workload: ScenarioWorkload) -> None:
    """Wait until all invariants hold; fail with the first that does not."""
    posted = sum(map(len, workload.acknowledged.values()))
    assert posted >= AUTHORS, "nobody posted anything"
    verdict = InvariantCheck(workload)

    def holds() -> bool:
        verdict.check()
        return True

    wait_until(holds)


class InvariantCheck:
    """Compares the system's state with the acknowledged actions."""

    def __init__(self, workload: ScenarioWorkload) -> None:
        self._cast = workload
        self._boosts = sorted(filter(None, workload.boosted.values()), reverse=True)
        self._comments = [id for thread in workload.threads.values() for id in thread]

    def check(self) -> None:
        """Raise `AssertionError` for the first violated invariant."""
        posts = {author.name: self._check_author(author) for author in self._cast.authors}
        for follower in self._cast.followers:
            self._check_home(follower, [id for ours in posts.values() for id in ours])
        self._check_fickle(posts)
        self._check_likes()
        self._check_threads()
        self._check_critic()
        for author in self._cast.authors:
            self._check_notifications(author, self._causes(author))
        self._check_notifications(self._cast.critic, [f"follow {self._cast.fan.name}"])
        self._check_notifications(self._cast.fan, [])

    # ── authors and who follows them ────────────────────────────────────────────────────────

    def _check_author(self, author: LoggedInUser) -> list[str]:
        """Check that a home timeline shows exactly some posts, once each, with counts."""
        listed = read_all_pages(author, f"/api/v1/accounts/{author.id}/statuses")
        after_all = self._made_after_all(author, listed)
        ours = sorted([*self._cast.acknowledged[author.name], *after_all], reverse=True)
        _same(f"{author.name}'s posts", ids(listed), ours)
        me = read_page(author, "/api/v1/accounts/verify_credentials").json()
        _same(f"{author.name}'s number of posts", me["statuses_count"], len(ours))
        followers = read_all_pages(author, f"/api/v1/accounts/{author.id}/followers")
        expected = self._followers(author)
        _same(f"{author.name}'s followers", sorted(names(followers)), expected)
        _same(f"{author.name}'s number of followers", me["followers_count"], len(expected))
        return ours

    def _made_after_all(self, author: LoggedInUser, listed: list[dict[str, Any]]) -> list[str]:
        found = []
        for words in self._cast.given_up[author.name]:
            made = [status["id"] for status in listed if words in status["content"]]
            assert len(made) <= 1, f"{words!r} was created more than once: {made}"
            found += made
        return found

    def _followers(self, author: LoggedInUser) -> list[str]:
        fickle = [self._cast.fickle] if self._cast.followed.get(author.name) else []
        return sorted(person.name for person in [*self._cast.followers, *fickle])

    def _check_home(self, person: LoggedInUser, wanted: list[str]) -> None:
        """Check that a home timeline shows exactly some posts, once each, with their counts."""
        found = read_all_pages(person, "/api/v1/timelines/home")
        _same(f"{person.name}'s home", ids(found), sorted(wanted, reverse=True))
        for status in found:
            self._check_counts(f"{person.name}'s home", status)

    def _check_counts(self, where: str, status: dict[str, Any]) -> None:
        """Check the counts of an author's post."""
        workload, id = self._cast, status["id"]
        answered = int(bool(workload.threads.get(id)))
        _same(f"replies to {id}, {where}", status["replies_count"], answered)
        likes = len(workload.liked.get(id, ()))
        _same(f"likes of {id}, {where}", status["favourites_count"], likes)
        boosts = int(bool(workload.boosted.get(id)))
        _same(f"boosts of {id}, {where}", status["reblogs_count"], boosts)

    def _check_fickle(self, posts: dict[str, list[str]]) -> None:
        fickle, followed = self._cast.fickle, self._cast.followed
        authors = [author for author in self._cast.authors if followed.get(author.name)]
        listed = read_all_pages(fickle, f"/api/v1/accounts/{fickle.id}/following")
        _same("whom the fickle one follows", sorted(names(listed)), sorted(a.name for a in authors))
        me = read_page(fickle, "/api/v1/accounts/verify_credentials").json()
        _same("how many the fickle one follows", me["following_count"], len(authors))
        self._check_home(fickle, [id for author in authors for id in posts[author.name]])

    # ── likes, boosts and comments ──────────────────────────────────────────────────────────

    def _check_likes(self) -> None:
        followers = self._cast.followers
        for id, expected in self._cast.liked.items():
            likers = read_all_pages(followers[0], f"{POSTS}/{id}/favourited_by")
            _same(f"who likes {id}", names(likers), sorted(expected))
            self._check_counts("by itself", read_page(followers[0], f"{POSTS}/{id}").json())
        for follower in followers:
            mine = [id for id, likers in self._cast.liked.items() if follower.name in likers]
            listed = read_all_pages(follower, "/api/v1/favourites")
            _same(f"{follower.name}'s favourites", sorted(ids(listed)), sorted(mine))

    def _check_threads(self) -> None:
        """Check threads and reply counts against the comments that were not deleted."""
        reader = self._cast.followers[0]
        for id, thread in self._cast.threads.items():
            context = read_page(reader, f"{POSTS}/{id}/context").json()
            _same(f"the thread below {id}", ids(context["descendants"]), thread)
            for place, post in enumerate([id, *thread]):
                status = read_page(reader, f"{POSTS}/{post}").json()
                answered = int(place < len(thread))
                _same(f"replies to {post}", status["replies_count"], answered)

    def _check_critic(self) -> None:
        """Check the critic's comments and boosts everywhere that they are shown."""
        workload, critic = self._cast, self._cast.critic
        for id, boost in workload.boosted.items():
            boosters = read_all_pages(workload.followers[0], f"{POSTS}/{id}/reblogged_by")
            _same(f"who boosts {id}", names(boosters), [critic.name] if boost else [])
            self._check_counts("boosted", read_page(critic, f"{POSTS}/{id}").json())
        made = sorted([*self._boosts, *self._comments], reverse=True)
        listed = read_all_pages(critic, f"/api/v1/accounts/{critic.id}/statuses")
        _same("what the critic made", ids(listed), made)
        me = read_page(critic, "/api/v1/accounts/verify_credentials").json()
        _same("how much the critic made", me["statuses_count"], len(made))
        _same("the fan's home", ids(read_all_pages(workload.fan, "/api/v1/timelines/home")), made)

    # ── notifications ───────────────────────────────────────────────────────────────────────

    def _causes(self, author: LoggedInUser) -> list[str]:
        """Check that an author was notified once of each like, boost, comment and follow."""
        workload, critic = self._cast, self._cast.critic.name
        causes = [f"follow {name}" for name in self._followers(author)]
        for id in workload.acknowledged[author.name]:
            causes += [f"favourite {name} {id}" for name in workload.liked.get(id, ())]
            causes += [f"reblog {critic} {id}"] if workload.boosted.get(id) else []
            causes += [f"mention {critic} {comment}" for comment in workload.threads.get(id, ())]
        return causes

    def _check_notifications(self, person: LoggedInUser, causes: list[str]) -> None:
        notified = map(_notification_facts, read_all_pages(person, "/api/v1/notifications"))
        _same(f"{person.name}'s notifications", sorted(notified), sorted(causes))


def _notification_facts(notification: dict[str, Any]) -> str:
    status = notification["status"]
    about = ids([status] if status else [])
    return " ".join([notification["type"], *names([notification["account"]]), *about])


def _same(what: str, found: Any, expected: Any) -> None:
    if found == expected:
        return
    if isinstance(found, list) and isinstance(expected, list):
        lost = [each for each in expected if each not in found]
        extra = [each for each in found if each not in expected]
        twice = sorted({each for each in found if found.count(each) > 1})
        found = f"{len(found)} of {len(expected)}: lost {lost}, extra {extra}, twice {twice}"
    raise AssertionError(f"{what}: {found!r}, not {expected if isinstance(expected, int) else ''}")
