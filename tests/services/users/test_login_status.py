"""Role and suspension of an account follow its login."""

from __future__ import annotations

import asyncio
from itertools import permutations

from tests.fakes import FakeCluster
from tests.services.users.harness import UserSession, receive_login, start


async def test_the_newest_login_status_wins_in_any_order(cluster: FakeCluster) -> None:
    users = await start(cluster)
    ann = await UserSession.registered(cluster, users, "ann")
    base = 0
    for order in permutations((1, 2, 3)):
        for version in order:
            await receive_login(users, ann, base + version, suspended=version == 3, role="admin")
        profile = (await ann.get("/accounts/me"))["profile"]
        assert (profile["suspended"], profile["role"]) == (True, "admin")
        base += 10
        await receive_login(users, ann, base, suspended=False)
        assert not (await ann.get("/accounts/me"))["profile"]["suspended"]


async def test_the_newest_login_status_wins_on_concurrent_replicas(cluster: FakeCluster) -> None:
    one, two = await start(cluster), await start(cluster)
    ann = await UserSession.registered(cluster, one, "ann")
    for base in range(0, 40, 4):
        await asyncio.gather(
            receive_login(one, ann, base + 1, suspended=False),
            receive_login(two, ann, base + 3, suspended=True),
            receive_login(one, ann, base + 2, suspended=False),
        )
        assert (await ann.get("/accounts/me"))["profile"]["suspended"]
