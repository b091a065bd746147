"""Lists converge to edges after any commands, and any order, loss or repetition of events."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.chassis.storage.segmented_list import SegmentedLists
from tests.fakes import Call, FakeCluster, RunningReplica
from tests.services.users.harness import UserSession, start

VERBS = ("follow", "follow", "follow", "unfollow", "unfollow", "block", "unblock", "mute", "unmute")
ANSWERS = ("lock", "open", "authorize", "reject", "wait", "wait", "wait")
KINDS = ("followers", "following", "requests", "blocks", "mutes")
USERS = 3

Action = tuple[str, int, int]
actions = st.lists(
    st.tuples(
        st.sampled_from((*VERBS, *ANSWERS)),
        st.integers(0, USERS - 1),
        st.integers(1, USERS - 1),  # the offset of the other user, so never the user itself
    ),
    min_size=30,
    max_size=60,
)


@dataclass(frozen=True)
class Disturbance:
    """How events arrive."""

    copies: int = 1
    held: bool = False
    lost: float = 0.0
    broken: float = 0.0
    seed: int = 0


disturbances = st.builds(
    Disturbance,
    copies=st.integers(1, 3),
    held=st.booleans(),
    lost=st.sampled_from((0.0, 0.3)),
    broken=st.sampled_from((0.0, 0.03)),
    seed=st.integers(0, 1_000),
)


@settings(
    max_examples=10,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(actions, disturbances)
def test_lists_converge_to_the_edges(script: list[Action], disturbance: Disturbance) -> None:
    asyncio.run(play(script, disturbance))


async def play(script: list[Action], disturbance: Disturbance) -> None:
    async with FakeCluster() as cluster:
        replicas = [await start(cluster), await start(cluster)]
        sessions = [
            await UserSession.registered(cluster, replicas[n % 2], f"p{n}") for n in range(USERS)
        ]
        await cluster.settle()
        make(disturbance, cluster, replicas)
        await act(script, cluster, sessions)
        cluster.broker.release(seed=disturbance.seed)
        await cluster.settle(rounds=3)
        for replica in replicas:
            replica.sidecar.state.faults.before.clear()
        await cluster.settle(rounds=4)
        await check(cluster, sessions, replicas[0])


def make(disturbance: Disturbance, cluster: FakeCluster, replicas: list[RunningReplica]) -> None:
    """Disturb the delivery of events, in the same way for the same seed."""
    dice = random.Random(disturbance.seed)  # noqa: S311
    cluster.broker.copies = disturbance.copies
    cluster.broker.loses = lambda _: dice.random() < disturbance.lost
    if disturbance.held:
        cluster.broker.hold()

    async def perhaps_break(_: Any) -> None:
        await asyncio.sleep(0 if dice.random() < 0.7 else 0.0005)
        if dice.random() < disturbance.broken:
            raise ConnectionError("on purpose")

    for replica in replicas:
        replica.sidecar.state.faults.before.append(perhaps_break)


async def act(script: list[Action], cluster: FakeCluster, sessions: list[UserSession]) -> None:
    """Run the script: all actions between two waits concurrently."""
    group: list[asyncio.Task[None]] = []
    for action in [*script, ("wait", 0, 0)]:
        if action[0] != "wait":
            group.append(asyncio.create_task(one(action, sessions)))
            continue
        await asyncio.gather(*group)
        group.clear()


async def one(action: Action, sessions: list[UserSession]) -> None:
    verb, actor, offset = action
    me, other = sessions[actor], sessions[(actor + offset) % USERS]
    if verb in ("lock", "open"):
        await me.ask("PATCH", "/accounts/me", json={"locked": verb == "lock"})
    elif verb in ("authorize", "reject"):
        await me.ask("POST", f"/follow_requests/{other.id}/{verb}")
    else:
        await me.ask("POST", f"/accounts/{other.id}/{verb}")


async def check(cluster: FakeCluster, sessions: list[UserSession], users: RunningReplica) -> None:
    state = cluster.state("users")
    edges = [state.peek(key)["data"] for key in state.keys("edge:")]
    locked = {p.id: state.peek(f"user:{p.id}")["data"]["locked"] for p in sessions}
    expected: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for edge in edges:
        source, target = edge["source"], edge["target"]
        for kind, owner, other, place in (
            ("followers", target, source, "follow"),
            ("following", source, target, "follow"),
            ("requests", target, source, "request"),
            ("blocks", source, target, "block"),
            ("mutes", source, target, "mute"),
        ):
            if edge[place]["taken"]:
                expected.setdefault((kind, owner), set()).add((edge[place]["id"], other))
    for kind in KINDS:
        lists = SegmentedLists(users.sidecar, kind)
        for session in sessions:
            rows = await lists.all(session.id)
            head = await lists.head(session.id)
            wanted = expected.get((kind, session.id), set())
            assert {(row[0], row[1]) for row in rows} == wanted, (kind, session.username)
            assert head.total == len(rows) == len(wanted)
    blocked = {(e["source"], e["target"]) for e in edges if e["block"]["taken"]}
    for edge in edges:
        pair = edge["source"], edge["target"]
        if edge["follow"]["taken"] or edge["request"]["taken"]:
            assert pair not in blocked
            assert pair[::-1] not in blocked
        if edge["request"]["taken"]:
            assert locked[edge["target"]]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("about", ["edge:", "followers:", "following:", "journal:"])
async def test_a_crash_at_any_point_is_completed_by_the_next_replica(
    about: str, after: bool
) -> None:
    async with FakeCluster() as cluster:
        replica = await start(cluster)
        anna = await UserSession.registered(cluster, replica, "anna")
        ben = await UserSession.registered(cluster, replica, "ben")
        await cluster.settle()
        replica.sidecar.state.faults.crash("*", about=about, nth=2, after=after)
        asking = asyncio.create_task(anna.ask("POST", f"/accounts/{ben.id}/follow"))
        await replica.sidecar.state.faults.dead.wait()
        await replica.kill()
        asking.cancel()
        # Events in delivery are lost. The successor must fetch them.
        await cluster.broker.abort()
        anna.replica = ben.replica = successor = await start(cluster)
        await anna.act("follow", ben)
        await cluster.settle(rounds=3)
        await check(cluster, [anna, ben], successor)
        assert await anna.listed(f"/accounts/{ben.id}/followers") == ["anna"]


async def test_a_list_written_from_a_stale_edge_is_corrected() -> None:
    async with FakeCluster() as cluster:
        replicas = [await start(cluster), await start(cluster)]
        anna = await UserSession.registered(cluster, replicas[0], "anna")
        ben = await UserSession.registered(cluster, replicas[0], "ben")
        await cluster.settle()
        reached, taken_out, gate = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def stall_the_first(call: Call) -> None:
            if call == Call("compare_and_set", (f"followers:{ben.id}",)) and not reached.is_set():
                reached.set()
                await gate.wait()

        async def notice_the_second(call: Call) -> None:
            if call == Call("get", (f"followers:{ben.id}",)) and reached.is_set():
                taken_out.set()

        for replica in replicas:
            replica.sidecar.state.faults.before.append(stall_the_first)
            replica.sidecar.state.faults.after.append(notice_the_second)
        await anna.act("follow", ben)
        await reached.wait()  # one replica is about to write from the old edge
        await anna.act("unfollow", ben)
        async with asyncio.timeout(30):
            await taken_out.wait()  # the other replica found nothing to remove
        gate.set()
        await cluster.settle()
        await check(cluster, [anna, ben], replicas[0])
