"""Suspensions in users, and reports that are neither lost nor listed twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from itertools import permutations
from typing import Any

import pytest

from tests.fakes import Running, World
from tests.fakes.interleaving import Interleaving
from tests.services.users.world import Person, start


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as made:
        yield made


def says(person: Person) -> dict[str, Any]:
    return {
        "user_id": person.id,
        "username": person.username,
        "created_at": "2026-01-01T00:00:00.000Z",
    }


async def says_auth(users: Running, person: Person, version: int, **standing: Any) -> None:
    event = {
        "specversion": "1.0",
        "id": f"login.registered:{person.id}@{version}",
        "source": "auth",
        "type": "login.registered",
        "subject": person.id,
        "stream": "s",
        "sequence": version,
        "entityversion": version,
        "data": says(person) | standing,
    }
    await users.service.inbox.receive("logins", event)


async def test_the_newest_standing_counts_in_whatever_order_it_comes(world: World) -> None:
    users = await start(world)
    ann = await Person.registered(world, users, "ann")
    base = 0
    for order in permutations((1, 2, 3)):
        for version in order:
            await says_auth(users, ann, base + version, suspended=version == 3, role="admin")
        profile = (await ann.get("/accounts/me"))["profile"]
        assert (profile["suspended"], profile["role"]) == (True, "admin")
        base += 10
        await says_auth(users, ann, base, suspended=False)
        assert not (await ann.get("/accounts/me"))["profile"]["suspended"]


async def test_the_newest_standing_counts_for_replicas_that_hear_at_once(world: World) -> None:
    one, two = await start(world), await start(world)
    ann = await Person.registered(world, one, "ann")
    for base in range(0, 40, 4):
        await asyncio.gather(
            says_auth(one, ann, base + 1, suspended=False),
            says_auth(two, ann, base + 3, suspended=True),
            says_auth(one, ann, base + 2, suspended=False),
        )
        assert (await ann.get("/accounts/me"))["profile"]["suspended"]


async def report(users: Running, person: Person, target: Person) -> Any:
    return await person.post("/reports", {"target": target.id, "comment": " Look. "})


async def listed(users: Running, judge: Person, **asked: str) -> list[str]:
    return list((await judge.get("/reports", **asked))["ids"])


def judge_of(world: World, users: Running) -> Person:
    judge = Person(world, users, "judge")
    judge.token = world.token(judge.id, "admin:read admin:write")
    return judge


@pytest.mark.parametrize("about", ["reported:", "report:"])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("verb", ["resolve", "reopen"])
async def test_a_report_is_in_one_list_whatever_dies(
    world: World, about: str, verb: str, *, after: bool
) -> None:
    users = await start(world)
    ann, ben = [await Person.registered(world, users, name) for name in ("ann", "ben")]
    judge = judge_of(world, users)
    id = (await report(users, ann, ben))["id"]
    if verb == "reopen":
        await judge.post(f"/reports/{id}/resolve")
    users.sidecar.state.faults.crash("compare_and_set", about=about, after=after)
    doomed = asyncio.create_task(judge.ask("POST", f"/reports/{id}/{verb}"))
    await users.sidecar.state.faults.dead.wait()
    await users.kill()
    doomed.cancel()
    users.service.outboxes.clear()
    judge.users = await start(world)
    both = await listed(judge.users, judge) + await listed(judge.users, judge, resolved="true")
    assert both == [id]
    await judge.post(f"/reports/{id}/{verb}")
    assert await listed(judge.users, judge) == ([id] if verb == "reopen" else [])
    assert await listed(judge.users, judge, resolved="true") == ([] if verb == "reopen" else [id])
    state = world.state("users")
    rows = [state.peek(f"reported:{which}") for which in ("open", "resolved")]
    assert sum(id in str(row) for row in rows) == 1


async def test_reports_are_for_admins_to_read_and_to_deal_with(world: World) -> None:
    users = await start(world)
    ann, ben = [await Person.registered(world, users, name) for name in ("ann", "ben")]
    judge = judge_of(world, users)
    made = await report(users, ann, ben)
    assert made["comment"] == "Look."
    for method, path in (
        ("GET", "/reports"),
        ("GET", f"/reports/{made['id']}"),
        ("POST", f"/reports/{made['id']}/resolve"),
        ("POST", f"/reports/{made['id']}/assign"),
    ):
        assert (await ann.ask(method, path)).status == 403
    assert (await ann.ask("POST", "/reports", json={"target": ann.id})).status == 422
    assert (await ann.ask("POST", "/reports", json={"target": "77"})).status == 404
    assert (await ann.ask("POST", "/reports", json={"target": "x:y"})).status == 422
    assert (await judge.ask("POST", "/reports/77/resolve")).status == 404
    assert (await judge.ask("POST", f"/reports/{made['id']}/burn")).status == 422


async def test_pages_pass_over_what_is_not_asked_for(world: World) -> None:
    users = await start(world)
    ann, ben, eve = [await Person.registered(world, users, n) for n in ("ann", "ben", "eve")]
    judge = judge_of(world, users)
    first = (await report(users, ann, eve))["id"]
    for _ in range(7):
        await report(users, ann, ben)
    assert await listed(users, judge, target=eve.id, limit="2") == [first]
    assert await listed(users, judge, account=ben.id, limit="2") == []


async def test_who_is_not_known_yet_is_asked_for_of_auth_and_stands_as_it_says(
    world: World,
) -> None:
    users = await start(world)
    ann = await Person.registered(world, users, "ann")
    late = [Person(world, users, name) for name in ("bob", "eve", "zoe")]
    bob, eve, zoe = late
    world.auth.logins = {
        person.id: {**says(person), "version": 7, **more}
        for person, more in ((bob, {"suspended": True}), (eve, {"deleted": True}))
    }
    found = await ann.get("/accounts", ids=",".join(each.id for each in (ann, *late)))
    assert found.keys() == {ann.id, bob.id}
    assert found[bob.id]["profile"]["suspended"]
    await says_auth(users, bob, 6, suspended=False)
    assert (await ann.get(f"/accounts/{bob.id}"))["profile"]["suspended"]
    assert (await ann.ask("GET", f"/accounts/{eve.id}")).status == 404
    assert (await ann.ask("GET", f"/accounts/{zoe.id}")).status == 404


async def test_auth_is_asked_about_none_who_are_known_or_gone(world: World) -> None:
    users = await start(world)
    ann, bob = [await Person.registered(world, users, name) for name in ("ann", "bob")]
    gone = Person(world, users, "eve")
    await says_auth(users, gone, 1, suspended=False, deleted=True)
    world.network.remove("auth", world.auth)
    found = await ann.get("/accounts", ids=f"{ann.id},{bob.id},{gone.id}")
    assert found.keys() == {ann.id, bob.id}
    unknown = Person(world, users, "zoe")
    assert (await ann.ask("GET", f"/accounts/{unknown.id}")).status == 503


def asked_of_auth(users: Running) -> int:
    return sum(call.about == ("auth", "auth/logins") for call in users.sidecar.faults.calls)


async def test_whose_a_name_is_that_nobody_has_here_auth_is_asked_once_for_all(
    world: World,
) -> None:
    users = await start(world)
    ann = await Person.registered(world, users, "ann")
    bob, eve = Person(world, users, "Bob"), Person(world, users, "eve")
    world.auth.logins = {person.id: {**says(person), "version": 1} for person in (bob, eve)}
    before = asked_of_auth(users)
    asked = ["ann", "@BOB", "Eve", "nobody", "nobody_else", "a:b", "x" * 31]
    found = await ann.post("/lookups", {"usernames": asked})
    assert {name: account["profile"]["id"] for name, account in found.items()} == {
        "ann": ann.id,
        "@BOB": bob.id,
        "Eve": eve.id,
    }
    assert asked_of_auth(users) - before == 1
    assert (await ann.post("/lookups", {"usernames": ["bob", "eve", "a:b"]})).keys() == {
        "bob",
        "eve",
    }
    assert asked_of_auth(users) - before == 1


async def test_a_newcomer_is_found_by_their_handle_and_with_others_of_like_names(
    world: World,
) -> None:
    users = await start(world)
    ann = await Person.registered(world, users, "ann")
    await Person.registered(world, users, "bobby")
    await world.settle()
    bob = Person(world, users, "bob")
    world.auth.logins = {bob.id: {**says(bob), "version": 1}}
    before = asked_of_auth(users)
    found = [row["profile"]["username"] for row in await ann.get("/search", q="@Bob")]
    assert found == ["bob", "bobby"]
    assert asked_of_auth(users) - before == 1
    await world.settle()
    for typed in ("@bob", "bob", "bob smith"):
        await ann.get("/search", q=typed)
    assert await ann.get("/search", q="nobody", offset="1") == []
    assert asked_of_auth(users) - before == 1
    assert await ann.get("/search", q="nobody") == []
    assert asked_of_auth(users) - before == 2


async def test_a_newcomer_whose_news_comes_while_somebody_looks_is_found(world: World) -> None:
    users = await start(world)
    ann = await Person.registered(world, users, "ann")
    bob = Person(world, users, "bob")
    faults = users.sidecar.state.faults

    async def news(call: Any) -> None:
        if call.name == "get_many" and f"user:{bob.id}" in call.about:
            faults.after.remove(news)
            await says_auth(users, bob, 1)

    faults.after.append(news)
    assert (await ann.get("/accounts", ids=bob.id)).keys() == {bob.id}


async def test_where_nobody_can_say_whose_a_name_is_it_is_nobodys(world: World) -> None:
    users = await start(world)
    ann = await Person.registered(world, users, "ann")
    world.network.remove("auth", world.auth)
    assert (await ann.post("/lookups", {"usernames": ["ann", "bob"]})).keys() == {"ann"}
    assert [row["profile"]["id"] for row in await ann.get("/search", q="ann")] == [ann.id]
    assert await ann.get("/search", q="bob") == []


async def test_a_report_that_is_moved_both_ways_at_once_is_in_its_list(world: World) -> None:
    replicas = [await start(world), await start(world)]
    ann, bob = [await Person.registered(world, replicas[0], name) for name in ("ann", "bob")]
    judge = judge_of(world, replicas[0])

    async def moves(replica: Running, id: str, verb: str) -> None:
        answer = await replica.call("POST", f"/reports/{id}/{verb}", token=judge.token)
        assert answer.status == 200, answer.text

    for seed in range(60):
        id = (await report(replicas[0], ann, bob))["id"]
        dice = random.Random(seed)  # noqa: S311
        if seed % 2:
            await moves(replicas[0], id, "resolve")
        interleaving = Interleaving(
            [each.sidecar for each in replicas], [dice.randrange(4) for _ in range(40)]
        )
        await interleaving.run(moves(replicas[0], id, "resolve"), moves(replicas[1], id, "reopen"))
        found = {
            which: id in await listed(replicas[0], judge, resolved=which, limit="80")
            for which in ("true", "false")
        }
        assert sorted(found.values()) == [False, True], f"seed {seed}: {found}"
