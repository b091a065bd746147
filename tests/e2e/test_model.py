"""Random actions on the running system lead to the state of the model.

What is drawn is the same on every run. `MICROGRAM_MODEL_RUNS=100` runs more of it, and
`MICROGRAM_MODEL_SEED=7` something else.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from tests.e2e.social_model import VISIBILITIES, SocialModel
from tests.system import LoggedInUser, System, wait_until

_PEOPLE = 4
_PATIENCE = 120.0

people = st.integers(0, _PEOPLE - 1)
some_post = st.integers(0, 99)


@pytest.mark.timeout(1200)
def test_at_rest_all_is_as_the_model_says(system: System) -> None:
    class LifeHere(Life):
        def __init__(self) -> None:
            super().__init__([system.register("life") for _ in range(_PEOPLE)])

    if number := os.environ.get("MICROGRAM_MODEL_SEED"):
        seed(int(number))(LifeHere)
    run_state_machine_as_test(
        LifeHere,
        settings=settings(
            max_examples=int(os.environ.get("MICROGRAM_MODEL_RUNS", "4")),
            stateful_step_count=50,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


# Hypothesis draws the actions from the source of `LifeHere` below: a change of it draws others.
class Life(RuleBasedStateMachine):
    """Performs every action on the system and on its model."""

    def __init__(self, persons: list[LoggedInUser]) -> None:
        super().__init__()
        self.persons = persons
        self.model = SocialModel(len(persons))
        self.ids: list[str] = []
        self.log: list[str] = []

    # ── to one another ──────────────────────────────────────────────────────────────────────

    @rule(who=people, whom=people, what=st.sampled_from(["follow"] * 3 + ["unfollow"]))
    def follows(self, who: int, whom: int, what: str) -> None:
        self._towards(what, who, whom, getattr(self.model, what))

    @rule(who=people, whom=people, what=st.sampled_from(["block", "unblock", "mute", "unmute"]))
    def avoids(self, who: int, whom: int, what: str) -> None:
        self._towards(what, who, whom, getattr(self.model, what))

    @rule(who=people, locked=st.booleans())
    def locks(self, who: int, locked: bool) -> None:
        allowed = self.model.lock(who, locked=locked)
        path = "/api/v1/accounts/update_credentials"
        self._do(who, "PATCH", path, allowed, data={"locked": str(locked).lower()})
        self._rest()  # whoever asks at this moment is let in a moment later

    @rule(who=people, whom=people, accepted=st.booleans())
    def answers_a_request(self, who: int, whom: int, accepted: bool) -> None:
        if (whom, who) not in self.model.requests:
            return
        what = "authorize" if accepted else "reject"
        allowed = self.model.answer(who, whom, accepted=accepted)
        self._do(who, "POST", f"/api/v1/follow_requests/{self._id(whom)}/{what}", allowed)

    def _towards(self, what: str, who: int, whom: int, rule: Callable[[int, int], bool]) -> None:
        if who == whom:
            return
        allowed = rule(who, whom)
        self._do(who, "POST", f"/api/v1/accounts/{self._id(whom)}/{what}", allowed)

    # ── posts ───────────────────────────────────────────────────────────────────────────────

    @rule(
        who=people,
        visibility=st.sampled_from([*VISIBILITIES, "public", "public"]),
        mentioned=st.none() | people,
        above=st.none() | some_post,
    )
    def posts(self, who: int, visibility: str, mentioned: int | None, above: int | None) -> None:
        above = above % len(self.ids) if above is not None and self.ids else None
        words = ["hello"]
        if mentioned is not None:
            words.append(f"@{self.persons[mentioned].name}")
        if above is not None:
            words.append(f"@{self.persons[self.model.posts[above].author].name}")
        body = {"status": " ".join(words), "visibility": visibility}
        if above is not None:
            body["in_reply_to_id"] = self.ids[above]
        allowed = self.model.post(who, visibility, mentioned, above)
        made = self._do(who, "POST", "/api/v1/statuses", allowed, json=body)
        if allowed:
            self.ids.append(made["id"])

    @precondition(lambda self: self.ids)
    @rule(who=people, post=some_post)
    def edits(self, who: int, post: int) -> None:
        post %= len(self.ids)
        if self.model.posts[post].author != who:
            return
        allowed = self.model.edit(who, post)
        body = {"status": f"edited {self.model.posts[post].edits}"}
        body["status"] += "".join(f" @{self.persons[m].name}" for m in self._mentions(post))
        self._do(who, "PUT", f"/api/v1/statuses/{self.ids[post]}", allowed, json=body)

    @precondition(lambda self: self.ids)
    @rule(who=people, post=some_post)
    def deletes(self, who: int, post: int) -> None:
        post %= len(self.ids)
        if who not in (self.model.posts[post].author, self.model.owner(post)):
            return
        allowed = self.model.delete(who, post)
        self._do(who, "DELETE", f"/api/v1/statuses/{self.ids[post]}", allowed)
        self._rest()  # what is below ends a moment later

    @precondition(lambda self: self.ids)
    @rule(
        who=people,
        post=some_post,
        what=st.sampled_from(["favourite", "favourite", "unfavourite", "bookmark", "unbookmark"]),
    )
    def reacts(self, who: int, post: int, what: str) -> None:
        post %= len(self.ids)
        kind, on = what.removeprefix("un"), not what.startswith("un")
        allowed = self.model.react(kind, who, post, on=on)
        self._do(who, "POST", f"/api/v1/statuses/{self.ids[post]}/{what}", allowed)

    @precondition(lambda self: self.ids)
    @rule(who=people, post=some_post, on=st.sampled_from([True, True, False]))
    def boosts(self, who: int, post: int, on: bool) -> None:
        post %= len(self.ids)
        allowed = self.model.boost(who, post, on=on)
        what = "reblog" if on else "unreblog"
        self._do(who, "POST", f"/api/v1/statuses/{self.ids[post]}/{what}", allowed)

    # ── at rest ─────────────────────────────────────────────────────────────────────────────

    def teardown(self) -> None:
        self._rest()

    def _rest(self) -> None:
        """Wait until every view of every person is what the model says."""
        others = (self._posts, self._lists, self._notifications)
        for who in range(len(self.persons)):
            for view in (self._people, self._timelines, self._boosts, *others):
                wait_until(partial(self._agrees, view, who), _PATIENCE)

    def _agrees(self, view: Callable[[int], tuple[Any, Any]], who: int) -> bool:
        seen, expected = view(who)
        lines = "\n".join(self.log)
        assert seen == expected, f"{view.__name__[1:]} of {who}, after\n{lines}"
        return True

    def _people(self, who: int) -> tuple[Any, Any]:
        model, others = self.model, [p for p in range(len(self.persons)) if p != who]
        ids = [("id[]", self._id(p)) for p in others]
        rows = self._get(who, "/api/v1/accounts/relationships", params=ids)
        names = ("following", "followed_by", "requested", "blocking", "blocked_by", "muting")
        seen = [tuple(row[name] for name in names) for row in rows]
        expected = [
            tuple(
                pair in made
                for pair, made in (
                    ((who, p), model.follows),
                    ((p, who), model.follows),
                    ((who, p), model.requests),
                    ((who, p), model.blocks),
                    ((p, who), model.blocks),
                    ((who, p), model.mutes),
                )
            )
            for p in others
        ]
        me = self._get(who, "/api/v1/accounts/verify_credentials")
        own = (me["followers_count"], me["following_count"], me["statuses_count"], me["locked"])
        counts = (
            sum(whom == who for _, whom in model.follows),
            sum(by == who for by, _ in model.follows),
            model.total(who),
            who in model.locked,
        )
        return (seen, own), (expected, counts)

    def _timelines(self, who: int) -> tuple[Any, Any]:
        accounts = range(len(self.persons))
        seen = [
            self._numbers(who, "/api/v1/timelines/home"),
            self._numbers(who, "/api/v1/timelines/public"),
            *(self._numbers(who, f"/api/v1/accounts/{self._id(p)}/statuses") for p in accounts),
        ]
        model = self.model
        expected = [model.home(who), model.public(who), *(model.account(who, p) for p in accounts)]
        return seen, [numbers[:40] for numbers in expected]

    def _boosts(self, who: int) -> tuple[Any, Any]:
        seen = [self._boosted(who, author) for author in range(len(self.persons))]
        return seen, [self.model.boosted(who, author) for author in range(len(self.persons))]

    def _boosted(self, who: int, author: int) -> set[int]:
        """What of somebody's account timeline is boosts, of and by those never fallen out with."""
        path = f"/api/v1/accounts/{self._id(author)}/statuses"
        rows = self._get(who, path, params={"limit": 40})
        posts = [self.ids.index(row["reblog"]["id"]) for row in rows if row["reblog"]]
        assert len(posts) == len(set(posts)), f"twice: {posts}"
        by = {post: (author, self.model.posts[post].author) for post in posts}
        return {p for p in posts if all(who == a or self.model.are_even(who, a) for a in by[p])}

    def _posts(self, who: int) -> tuple[Any, Any]:
        seen = {post: self._post(who, id) for post, id in enumerate(self.ids)}
        expected = {
            post: (
                self.model.likes(post),
                self.model.answers(post),
                self.model.passed_on(post),
                (who, post) in self.model.favourites,
                (who, post) in self.model.bookmarks,
                (who, post) in self.model.boosts,
                self.model.posts[post].edits > 0,
            )
            if self.model.sees(who, post)
            else None
            for post in range(len(self.ids))
        }
        return seen, expected

    def _post(self, who: int, id: str) -> Any:
        reply = self.persons[who].call("GET", f"/api/v1/statuses/{id}")
        if reply.status_code == 404:
            return None
        post = reply.json()
        names = "favourites_count", "replies_count", "reblogs_count"
        marks = "favourited", "bookmarked", "reblogged"
        return *(post[name] for name in (*names, *marks)), post["edited_at"] is not None

    def _lists(self, who: int) -> tuple[Any, Any]:
        model = self.model
        seen = [
            set(self._numbers(who, "/api/v1/favourites")),
            set(self._numbers(who, "/api/v1/bookmarks")),
        ]
        return seen, [model.marked(model.favourites, who), model.marked(model.bookmarks, who)]

    def _notifications(self, who: int) -> tuple[Any, Any]:
        rows = self._get(who, "/api/v1/notifications", params={"limit": 80})
        causes = [
            (
                row["type"],
                self._number(row["account"]["id"]),
                self.ids.index(row["status"]["id"]) if row["status"] else None,
            )
            for row in rows
        ]
        assert len(causes) == len(set(causes)), f"twice: {causes}"
        private = ("private", "direct")
        seen = {
            (type, by, post)
            for type, by, post in causes
            if self.model.are_even(who, by)
            and not (
                type == "mention"
                and post is not None
                and self.model.posts[post].visibility in private
                and who not in self.model.posts[post].mentions
            )
        }
        return seen, self.model.notifications_of(who)

    # ── parts ───────────────────────────────────────────────────────────────────────────────

    def _do(self, who: int, method: str, path: str, allowed: bool, **given: Any) -> Any:
        reply = self.persons[who].call(method, path, **given)
        self.log.append(f"{who}: {method} {path} {given} {reply.status_code}")
        lines = "\n".join(self.log)
        assert reply.ok == allowed, f"{reply.text[:200]} after\n{lines}"
        return reply.json()

    def _get(self, who: int, path: str, **given: Any) -> Any:
        reply = self.persons[who].call("GET", path, **given)
        assert reply.ok, f"{path}: {reply.text[:200]}"
        return reply.json()

    def _numbers(self, who: int, path: str) -> list[int]:
        """The numbers of the posts on a page, of those that are ours."""
        posts = self._get(who, path, params={"limit": 40})
        return [self.ids.index(post["id"]) for post in posts if post["id"] in self.ids]

    def _mentions(self, post: int) -> frozenset[int]:
        return self.model.posts[post].mentions

    def _number(self, id: str) -> int:
        return next(n for n in range(len(self.persons)) if self._id(n) == id)

    def _id(self, who: int) -> str:
        return self.persons[who].id
