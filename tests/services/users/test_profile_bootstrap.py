"""Profiles of users whose registration event is late."""

from __future__ import annotations

from typing import Any

from tests.fakes import FakeCluster, RunningReplica
from tests.services.users.harness import UserSession, login_of, receive_login, start


async def test_unknown_users_are_fetched_from_auth_with_their_status(
    cluster: FakeCluster,
) -> None:
    users = await start(cluster)
    ann = await UserSession.registered(cluster, users, "ann")
    late = [UserSession(cluster, users, name) for name in ("bob", "eve", "zoe")]
    bob, eve, zoe = late
    cluster.auth.logins = {
        user.id: {**login_of(user), "version": 7, **more}
        for user, more in ((bob, {"suspended": True}), (eve, {"deleted": True}))
    }
    found = await ann.get("/accounts", ids=",".join(each.id for each in (ann, *late)))
    assert found.keys() == {ann.id, bob.id}
    assert found[bob.id]["profile"]["suspended"]
    await receive_login(users, bob, 6, suspended=False)
    assert (await ann.get(f"/accounts/{bob.id}"))["profile"]["suspended"]
    assert (await ann.ask("GET", f"/accounts/{eve.id}")).status == 404
    assert (await ann.ask("GET", f"/accounts/{zoe.id}")).status == 404


async def test_auth_is_not_asked_about_known_or_deleted_users(cluster: FakeCluster) -> None:
    users = await start(cluster)
    ann, bob = [await UserSession.registered(cluster, users, name) for name in ("ann", "bob")]
    gone = UserSession(cluster, users, "eve")
    await receive_login(users, gone, 1, suspended=False, deleted=True)
    cluster.network.remove("auth", cluster.auth)
    found = await ann.get("/accounts", ids=f"{ann.id},{bob.id},{gone.id}")
    assert found.keys() == {ann.id, bob.id}
    unknown = UserSession(cluster, users, "zoe")
    assert (await ann.ask("GET", f"/accounts/{unknown.id}")).status == 503


def asked_of_auth(users: RunningReplica) -> int:
    return sum(call.about == ("auth", "auth/logins") for call in users.sidecar.faults.calls)


async def test_unknown_usernames_are_fetched_from_auth_in_one_request(
    cluster: FakeCluster,
) -> None:
    users = await start(cluster)
    ann = await UserSession.registered(cluster, users, "ann")
    bob, eve = UserSession(cluster, users, "Bob"), UserSession(cluster, users, "eve")
    cluster.auth.logins = {user.id: {**login_of(user), "version": 1} for user in (bob, eve)}
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


async def test_a_new_user_is_found_by_username_beside_similar_names(
    cluster: FakeCluster,
) -> None:
    users = await start(cluster)
    ann = await UserSession.registered(cluster, users, "ann")
    await UserSession.registered(cluster, users, "bobby")
    await cluster.settle()
    bob = UserSession(cluster, users, "bob")
    cluster.auth.logins = {bob.id: {**login_of(bob), "version": 1}}
    before = asked_of_auth(users)
    found = [row["profile"]["username"] for row in await ann.get("/search", q="@Bob")]
    assert found == ["bob", "bobby"]
    assert asked_of_auth(users) - before == 1
    await cluster.settle()
    for typed in ("@bob", "bob", "bob smith"):
        await ann.get("/search", q=typed)
    assert await ann.get("/search", q="nobody", offset="1") == []
    assert asked_of_auth(users) - before == 1
    assert await ann.get("/search", q="nobody") == []
    assert asked_of_auth(users) - before == 2


async def test_a_user_whose_event_arrives_during_the_request_is_found(cluster: FakeCluster) -> None:
    users = await start(cluster)
    ann = await UserSession.registered(cluster, users, "ann")
    bob = UserSession(cluster, users, "bob")
    faults = users.sidecar.state.faults

    async def login_arrives(call: Any) -> None:
        if call.name == "get_many" and f"user:{bob.id}" in call.about:
            faults.after.remove(login_arrives)
            await receive_login(users, bob, 1)

    faults.after.append(login_arrives)
    assert (await ann.get("/accounts", ids=bob.id)).keys() == {bob.id}


async def test_unknown_usernames_count_as_unused_if_auth_is_down(cluster: FakeCluster) -> None:
    users = await start(cluster)
    ann = await UserSession.registered(cluster, users, "ann")
    cluster.network.remove("auth", cluster.auth)
    assert (await ann.post("/lookups", {"usernames": ["ann", "bob"]})).keys() == {"ann"}
    assert [row["profile"]["id"] for row in await ann.get("/search", q="ann")] == [ann.id]
    assert await ann.get("/search", q="bob") == []
