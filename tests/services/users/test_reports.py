"""Reports are neither lost nor listed twice."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from tests.fakes import FakeCluster, RunningReplica
from tests.fakes.interleaving import Interleaving
from tests.services.users.harness import UserSession, start


async def report(users: RunningReplica, user: UserSession, target: UserSession) -> Any:
    return await user.post("/reports", {"target": target.id, "comment": " Look. "})


async def listed(users: RunningReplica, admin: UserSession, **asked: str) -> list[str]:
    return list((await admin.get("/reports", **asked))["ids"])


def admin_of(cluster: FakeCluster, users: RunningReplica) -> UserSession:
    admin = UserSession(cluster, users, "admin")
    admin.token = cluster.token(admin.id, "admin:read admin:write")
    return admin


@pytest.mark.parametrize("about", ["reported:", "report:"])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("verb", ["resolve", "reopen"])
async def test_a_report_is_in_one_list_after_a_crash(
    cluster: FakeCluster, about: str, verb: str, *, after: bool
) -> None:
    users = await start(cluster)
    ann, ben = [await UserSession.registered(cluster, users, name) for name in ("ann", "ben")]
    admin = admin_of(cluster, users)
    id = (await report(users, ann, ben))["id"]
    if verb == "reopen":
        await admin.post(f"/reports/{id}/resolve")
    users.sidecar.state.faults.crash("compare_and_set", about=about, after=after)
    replica = asyncio.create_task(admin.ask("POST", f"/reports/{id}/{verb}"))
    await users.sidecar.state.faults.dead.wait()
    await users.kill()
    replica.cancel()
    users.service.outboxes.clear()
    admin.replica = await start(cluster)
    both = await listed(admin.replica, admin) + await listed(admin.replica, admin, resolved="true")
    assert both == [id]
    await admin.post(f"/reports/{id}/{verb}")
    assert await listed(admin.replica, admin) == ([id] if verb == "reopen" else [])
    assert await listed(admin.replica, admin, resolved="true") == ([] if verb == "reopen" else [id])
    state = cluster.state("users")
    rows = [state.peek(f"reported:{which}") for which in ("open", "resolved")]
    assert sum(id in str(row) for row in rows) == 1


async def test_only_admins_read_and_change_reports(cluster: FakeCluster) -> None:
    users = await start(cluster)
    ann, ben = [await UserSession.registered(cluster, users, name) for name in ("ann", "ben")]
    admin = admin_of(cluster, users)
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
    assert (await admin.ask("POST", "/reports/77/resolve")).status == 404
    assert (await admin.ask("POST", f"/reports/{made['id']}/burn")).status == 422


async def test_pages_skip_reports_that_do_not_match(cluster: FakeCluster) -> None:
    users = await start(cluster)
    ann, ben, eve = [await UserSession.registered(cluster, users, n) for n in ("ann", "ben", "eve")]
    admin = admin_of(cluster, users)
    first = (await report(users, ann, eve))["id"]
    for _ in range(7):
        await report(users, ann, ben)
    assert await listed(users, admin, target=eve.id, limit="2") == [first]
    assert await listed(users, admin, account=ben.id, limit="2") == []


async def test_a_report_resolved_and_reopened_concurrently_is_in_one_list(
    cluster: FakeCluster,
) -> None:
    replicas = [await start(cluster), await start(cluster)]
    ann, bob = [await UserSession.registered(cluster, replicas[0], name) for name in ("ann", "bob")]
    admin = admin_of(cluster, replicas[0])

    async def moves(replica: RunningReplica, id: str, verb: str) -> None:
        answer = await replica.call("POST", f"/reports/{id}/{verb}", token=admin.token)
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
            which: id in await listed(replicas[0], admin, resolved=which, limit="80")
            for which in ("true", "false")
        }
        assert sorted(found.values()) == [False, True], f"seed {seed}: {found}"
