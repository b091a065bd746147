"""What must hold after a storm: every count is what the lists say, and every list is the truth."""

from __future__ import annotations

from typing import Any

from tests.chaos.asking import read, whole
from tests.chaos.stream import AUTHORS, POSTS, Cast
from tests.e2e.reading import ids, names
from tests.system import Person, wait_until


def settled(cast: Cast) -> None:
    """Wait until everything that must hold in the end does, and fail with what does not."""
    posted = sum(map(len, cast.acknowledged.values()))
    assert posted >= AUTHORS, "nobody posted anything"
    verdict = Verdict(cast)

    def holds() -> bool:
        verdict.check()
        return True

    wait_until(holds)


class Verdict:
    """Compares what the system shows with what its people were told."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast
        self._boosts = sorted(filter(None, cast.boosted.values()), reverse=True)
        self._comments = [id for thread in cast.threads.values() for id in thread]

    def check(self) -> None:
        """Raises `AssertionError` for the first thing that is not so."""
        posts = {author.name: self._check_author(author) for author in self._cast.authors}
        for follower in self._cast.followers:
            self._check_home(follower, [id for ours in posts.values() for id in ours])
        self._check_fickle(posts)
        self._check_likes()
        self._check_threads()
        self._check_critic()
        for author in self._cast.authors:
            self._check_told(author, self._causes(author))
        self._check_told(self._cast.critic, [f"follow {self._cast.fan.name}"])
        self._check_told(self._cast.fan, [])

    # ── authors and who follows them ────────────────────────────────────────────────────────

    def _check_author(self, author: Person) -> list[str]:
        """An author's posts: all they were told of, and of those they gave up, some perhaps."""
        listed = whole(author, f"/api/v1/accounts/{author.id}/statuses")
        after_all = self._made_after_all(author, listed)
        ours = sorted([*self._cast.acknowledged[author.name], *after_all], reverse=True)
        _same(f"{author.name}'s posts", ids(listed), ours)
        me = read(author, "/api/v1/accounts/verify_credentials").json()
        _same(f"{author.name}'s number of posts", me["statuses_count"], len(ours))
        followers = whole(author, f"/api/v1/accounts/{author.id}/followers")
        expected = self._followers(author)
        _same(f"{author.name}'s followers", sorted(names(followers)), expected)
        _same(f"{author.name}'s number of followers", me["followers_count"], len(expected))
        return ours

    def _made_after_all(self, author: Person, listed: list[dict[str, Any]]) -> list[str]:
        found = []
        for words in self._cast.given_up[author.name]:
            made = [status["id"] for status in listed if words in status["content"]]
            assert len(made) <= 1, f"«{words}» was made more than once: {made}"
            found += made
        return found

    def _followers(self, author: Person) -> list[str]:
        fickle = [self._cast.fickle] if self._cast.followed.get(author.name) else []
        return sorted(person.name for person in [*self._cast.followers, *fickle])

    def _check_home(self, person: Person, wanted: list[str]) -> None:
        """A home shows exactly some posts, once each, with their counts."""
        found = whole(person, "/api/v1/timelines/home")
        _same(f"{person.name}'s home", ids(found), sorted(wanted, reverse=True))
        for status in found:
            self._check_counts(f"{person.name}'s home", status)

    def _check_counts(self, where: str, status: dict[str, Any]) -> None:
        """The counts beside a post of an author's."""
        cast, id = self._cast, status["id"]
        answered = int(bool(cast.threads.get(id)))
        _same(f"replies to {id}, {where}", status["replies_count"], answered)
        likes = len(cast.liked.get(id, ()))
        _same(f"likes of {id}, {where}", status["favourites_count"], likes)
        boosts = int(bool(cast.boosted.get(id)))
        _same(f"boosts of {id}, {where}", status["reblogs_count"], boosts)

    def _check_fickle(self, posts: dict[str, list[str]]) -> None:
        fickle, followed = self._cast.fickle, self._cast.followed
        authors = [author for author in self._cast.authors if followed.get(author.name)]
        listed = whole(fickle, f"/api/v1/accounts/{fickle.id}/following")
        _same("whom the fickle one follows", sorted(names(listed)), sorted(a.name for a in authors))
        me = read(fickle, "/api/v1/accounts/verify_credentials").json()
        _same("how many the fickle one follows", me["following_count"], len(authors))
        self._check_home(fickle, [id for author in authors for id in posts[author.name]])

    # ── likes, boosts and comments ──────────────────────────────────────────────────────────

    def _check_likes(self) -> None:
        followers = self._cast.followers
        for id, expected in self._cast.liked.items():
            likers = whole(followers[0], f"{POSTS}/{id}/favourited_by")
            _same(f"who likes {id}", names(likers), sorted(expected))
            self._check_counts("by itself", read(followers[0], f"{POSTS}/{id}").json())
        for follower in followers:
            mine = [id for id, likers in self._cast.liked.items() if follower.name in likers]
            listed = whole(follower, "/api/v1/favourites")
            _same(f"{follower.name}'s favourites", sorted(ids(listed)), sorted(mine))

    def _check_threads(self) -> None:
        """A thread and the number of direct replies are what was said and not deleted."""
        reader = self._cast.followers[0]
        for id, thread in self._cast.threads.items():
            context = read(reader, f"{POSTS}/{id}/context").json()
            _same(f"the thread below {id}", ids(context["descendants"]), thread)
            for place, post in enumerate([id, *thread]):
                status = read(reader, f"{POSTS}/{post}").json()
                answered = int(place < len(thread))
                _same(f"replies to {post}", status["replies_count"], answered)

    def _check_critic(self) -> None:
        """What the critic said and boosts, on the posts, in their own list, and at their fan's."""
        cast, critic = self._cast, self._cast.critic
        for id, boost in cast.boosted.items():
            boosters = whole(cast.followers[0], f"{POSTS}/{id}/reblogged_by")
            _same(f"who boosts {id}", names(boosters), [critic.name] if boost else [])
            self._check_counts("boosted", read(critic, f"{POSTS}/{id}").json())
        made = sorted([*self._boosts, *self._comments], reverse=True)
        listed = whole(critic, f"/api/v1/accounts/{critic.id}/statuses")
        _same("what the critic made", ids(listed), made)
        me = read(critic, "/api/v1/accounts/verify_credentials").json()
        _same("how much the critic made", me["statuses_count"], len(made))
        _same("the fan's home", ids(whole(cast.fan, "/api/v1/timelines/home")), made)

    # ── notifications ───────────────────────────────────────────────────────────────────────

    def _causes(self, author: Person) -> list[str]:
        """Of what an author must have been told: each like, boost, comment and follow, once."""
        cast, critic = self._cast, self._cast.critic.name
        causes = [f"follow {name}" for name in self._followers(author)]
        for id in cast.acknowledged[author.name]:
            causes += [f"favourite {name} {id}" for name in cast.liked.get(id, ())]
            causes += [f"reblog {critic} {id}"] if cast.boosted.get(id) else []
            causes += [f"mention {critic} {comment}" for comment in cast.threads.get(id, ())]
        return causes

    def _check_told(self, person: Person, causes: list[str]) -> None:
        told = map(_told, whole(person, "/api/v1/notifications"))
        _same(f"{person.name}'s notifications", sorted(told), sorted(causes))


def _told(notification: dict[str, Any]) -> str:
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
