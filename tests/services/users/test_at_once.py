"""Any two commands of one person at once give what one after the other would have given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from hypothesis import given

from tests.fakes import Running, World
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
from tests.services.users.world import UserSession, start

_names = count(1)


@dataclass
class Ann:
    """Somebody whom Ben asks to let him follow, and whom Carl follows."""

    world: World
    me: UserSession
    ben: UserSession
    carl: UserSession

    @classmethod
    async def comes(cls, world: World, users: Running) -> Ann:
        names = (f"{name}{next(_names)}" for name in ("ann", "ben", "carl"))
        ann, ben, carl = [await UserSession.registered(world, users, name) for name in names]
        await carl.act("follow", ann)
        await ann.ask("PATCH", "/accounts/me", json={"locked": True})
        await ben.act("follow", ann)
        await world.settle()
        return cls(world, ann, ben, carl)

    async def end(self, _: list[Said]) -> Any:
        """How the three stand to one another, and what lists and profile say."""
        await self.world.settle()
        ids = ",".join((self.ben.id, self.carl.id))
        profile = (await self.me.get("/accounts/me"))["profile"]
        return {
            "stances": [_plain(one) for one in await self.me.get("/relationships", ids=ids)],
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


def asks(method: str, path: str, json: Any = None) -> Command[Ann]:
    async def ask(ann: Ann, replica: Running) -> Said:
        here = path.format(ben=ann.ben.id, carl=ann.carl.id)
        return refusal(await replica.call(method, here, token=ann.me.token, json=json))

    return ask


COMMANDS: dict[str, Command[Ann]] = {
    "follows Ben": asks("POST", "/accounts/{ben}/follow"),
    "follows Ben without boosts": asks("POST", "/accounts/{ben}/follow", {"reblogs": False}),
    "unfollows Ben": asks("POST", "/accounts/{ben}/unfollow"),
    "blocks Ben": asks("POST", "/accounts/{ben}/block"),
    "unblocks Ben": asks("POST", "/accounts/{ben}/unblock"),
    "mutes Ben": asks("POST", "/accounts/{ben}/mute", {"notifications": False}),
    "unmutes Ben": asks("POST", "/accounts/{ben}/unmute"),
    "makes a note of Ben": asks("POST", "/accounts/{ben}/note", {"comment": "tall"}),
    "lets Ben follow": asks("POST", "/follow_requests/{ben}/authorize"),
    "turns Ben down": asks("POST", "/follow_requests/{ben}/reject"),
    "blocks Carl": asks("POST", "/accounts/{carl}/block"),
    "follows Carl": asks("POST", "/accounts/{carl}/follow"),
    "has Carl not follow": asks("POST", "/accounts/{carl}/remove_from_followers"),
    "calls themselves Ann": asks("PATCH", "/accounts/me", {"display_name": "Ann"}),
    "calls themselves Anna": asks("PATCH", "/accounts/me", {"display_name": "Anna"}),
    "says what they do": asks("PATCH", "/accounts/me", {"note": "I paint."}),
    "lets everybody follow": asks("PATCH", "/accounts/me", {"locked": False}),
    "follows a hashtag": asks("POST", "/tags/sea/follow"),
    "follows another hashtag": asks("POST", "/tags/sun/follow"),
    "unfollows a hashtag": asks("POST", "/tags/sea/unfollow"),
}


async def open_users(world: World) -> Opened[Ann]:
    users, other = await start(world), await start(world)

    async def come() -> Ann:
        return await Ann.comes(world, users)

    return (users, other), come


@pytest.fixture
def users() -> Iterator[AtOnce[Ann]]:
    with running(open_users) as (runner, opened):
        yield AtOnce(runner, opened, COMMANDS, Ann.end)


@given(pairs(COMMANDS), CHOICES, APART)
@examples(100)
def test_two_concurrent_commands_are_serializable(
    users: AtOnce[Ann], pair: tuple[str, str], choices: list[int], apart: int
) -> None:
    users.check(pair, choices, apart)
