"""Suggestions and familiar followers."""

from __future__ import annotations

import pytest

from services.contracts.accounts import Suggestion
from tests.services.users.harness import UsersDeployment, UserSession


async def posted(users: UsersDeployment, user: UserSession) -> None:
    count = {"account": user.id, "total": 1, "last_post": user.id}
    await users.publish("author-counts", "posts", "posts.counted", user.id, **count)


async def suggested(user: UserSession) -> list[tuple[str, str]]:
    rows = await user.get("/suggestions")
    for row in rows:
        Suggestion.model_validate(row)
    return [(row["account"]["profile"]["username"], row["reason"]) for row in rows]


async def test_suggestions_start_with_friends_of_friends_then_new_accounts_with_posts(
    users: UsersDeployment,
) -> None:
    anna, ben, cyd, dan, eve, fay, _ = await users.new_users(
        "anna", "ben", "cyd", "dan", "eve", "fay", "gil"
    )
    for one, other in ((anna, ben), (anna, cyd), (ben, dan), (cyd, dan), (ben, eve), (ben, anna)):
        await one.act("follow", other)
    await posted(users, fay)
    await users.cluster.settle()
    assert await suggested(anna) == [
        ("dan", "friends_of_friends"),
        ("eve", "friends_of_friends"),
        ("fay", "new"),
    ]
    (limited,) = await anna.get("/suggestions", limit="1")
    assert limited["account"]["profile"]["username"] == "dan"


@pytest.mark.parametrize("why", ["block", "mute", "dismissed", "blocked", "hidden", "follow"])
async def test_separated_or_dismissed_accounts_are_not_suggested(
    users: UsersDeployment, why: str
) -> None:
    anna, ben, dan, fay = await users.new_users("anna", "ben", "dan", "fay")
    await anna.act("follow", ben)
    await ben.act("follow", dan)
    for user in (dan, fay):
        await posted(users, user)
    await users.cluster.settle()
    assert [name for name, _ in await suggested(anna)] == ["dan", "fay"]
    for user in (dan, fay):
        if why in ("block", "mute", "follow"):
            await anna.act(why, user)
        elif why == "blocked":
            await user.act("block", anna)
        elif why == "hidden":
            await user.ask("PATCH", "/accounts/me", json={"discoverable": False})
        else:
            assert (await anna.ask("DELETE", f"/suggestions/{user.id}")).status == 200
    await users.cluster.settle()
    assert await suggested(anna) == []


async def test_suggestions_take_three_state_calls_for_any_number_of_accounts(
    users: UsersDeployment,
) -> None:
    anna, ben, *others = await users.new_users("anna", "ben", *(f"p{n}" for n in range(30)))
    await anna.act("follow", ben)
    for other in others[:20]:
        await ben.act("follow", other)
    await users.cluster.settle()
    before = users.calls()
    assert len(await anna.get("/suggestions")) == 20
    assert users.calls() - before == 3


async def test_familiar_followers_are_followers_whom_the_caller_follows(
    users: UsersDeployment,
) -> None:
    anna, ben, cyd, dan = await users.new_users("anna", "ben", "cyd", "dan")
    for one, other in ((anna, ben), (anna, cyd), (ben, dan), (dan, ben)):
        await one.act("follow", other)
    await users.cluster.settle()
    rows = await anna.get("/familiar_followers", ids=f"{dan.id},{ben.id}")
    names = [[one["profile"]["username"] for one in row["accounts"]] for row in rows]
    assert ([row["id"] for row in rows], names) == ([dan.id, ben.id], [["ben"], []])
    many = ",".join(str(n) for n in range(1, 12))
    assert (await anna.ask("GET", "/familiar_followers", params={"ids": many})).status == 422
