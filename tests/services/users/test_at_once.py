"""Any two concurrent commands of one user have the result of some serial order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from hypothesis import given

from tests.fakes import FakeCluster, RunningReplica
from tests.services.at_once import (
    APART,
    CHOICES,
    AtOnce,
    Command,
    Opened,
    Said,
    examples,
    pairs,
    refusal,
    running,
)
from tests.services.users.harness import UserSession, start

_names = count(1)


@dataclass
class LockedUser:
    """A user with a follow request of Ben and a follow of Carl."""

    cluster: FakeCluster
    me: UserSession
    ben: UserSession
    carl: UserSession

    @classmethod
    async def create(cls, cluster: FakeCluster, users: RunningReplica) -> LockedUser:
        names = (f"{name}{next(_names)}" for name in ("ann", "ben", "carl"))
        ann, ben, carl = [await UserSession.registered(cluster, users, name) for name in names]
        await carl.act("follow", ann)
        await ann.ask("PATCH", "/accounts/me", json={"locked": True})
        await ben.act("follow", ann)
        await cluster.settle()
        return cls(cluster, ann, ben, carl)

    async def end(self, _: list[Said]) -> Any:
        """Return the relationships of the three users, the lists and the profile."""
        await self.cluster.settle()
        ids = ",".join((self.ben.id, self.carl.id))
        profile = (await self.me.get("/accounts/me"))["profile"]
        return {
            "relationships": [_plain(one) for one in await self.me.get("/relationships", ids=ids)],
            "lists": [
                [name.rstrip("0123456789") for name in await self.me.listed(path)]
                for path in (
                    f"/accounts/{self.me.id}/followers",
                    f"/accounts/{self.me.id}/following",
                    *("/blocks", "/mutes", "/follow_requests"),
                )
            ],
            "profile": {key: profile[key] for key in ("display_name", "note", "locked", "fields")},
            "tags": (await self.me.get("/tags"))["tags"],
        }


def _plain(relationship: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in relationship.items() if key != "id"}


def asks(method: str, path: str, json: Any = None) -> Command[LockedUser]:
    async def ask(ann: LockedUser, replica: RunningReplica) -> Said:
        here = path.format(ben=ann.ben.id, carl=ann.carl.id)
        return refusal(await replica.call(method, here, token=ann.me.token, json=json))

    return ask


COMMANDS: dict[str, Command[LockedUser]] = {
    "follows Ben": asks("POST", "/accounts/{ben}/follow"),
    "follows Ben without boosts": asks("POST", "/accounts/{ben}/follow", {"reblogs": False}),
    "unfollows Ben": asks("POST", "/accounts/{ben}/unfollow"),
    "blocks Ben": asks("POST", "/accounts/{ben}/block"),
    "unblocks Ben": asks("POST", "/accounts/{ben}/unblock"),
    "mutes Ben": asks("POST", "/accounts/{ben}/mute", {"notifications": False}),
    "unmutes Ben": asks("POST", "/accounts/{ben}/unmute"),
    "annotates Ben": asks("POST", "/accounts/{ben}/note", {"comment": "tall"}),
    "accepts Ben's request": asks("POST", "/follow_requests/{ben}/authorize"),
    "rejects Ben's request": asks("POST", "/follow_requests/{ben}/reject"),
    "blocks Carl": asks("POST", "/accounts/{carl}/block"),
    "follows Carl": asks("POST", "/accounts/{carl}/follow"),
    "removes Carl as a follower": asks("POST", "/accounts/{carl}/remove_from_followers"),
    "sets the name Ann": asks("PATCH", "/accounts/me", {"display_name": "Ann"}),
    "sets the name Anna": asks("PATCH", "/accounts/me", {"display_name": "Anna"}),
    "sets a bio": asks("PATCH", "/accounts/me", {"note": "I paint."}),
    "unlocks the account": asks("PATCH", "/accounts/me", {"locked": False}),
    "follows a hashtag": asks("POST", "/tags/sea/follow"),
    "follows another hashtag": asks("POST", "/tags/sun/follow"),
    "unfollows a hashtag": asks("POST", "/tags/sea/unfollow"),
}


async def open_users(cluster: FakeCluster) -> Opened[LockedUser]:
    users, other = await start(cluster), await start(cluster)

    async def create() -> LockedUser:
        return await LockedUser.create(cluster, users)

    return (users, other), create


@pytest.fixture
def users() -> Iterator[AtOnce[LockedUser]]:
    with running(open_users) as (runner, opened):
        yield AtOnce(runner, opened, COMMANDS, LockedUser.end)


@given(pairs(COMMANDS), CHOICES, APART)
@examples(100)
def test_two_concurrent_commands_are_serializable(
    users: AtOnce[LockedUser], pair: tuple[str, str], choices: list[int], apart: int
) -> None:
    users.check(pair, choices, apart)
