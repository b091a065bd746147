"""The fault scenarios, one function each: what is broken while the workload runs."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

from tests.chaos.conftest import ChaosSystem
from tests.chaos.fault_points import FaultPoint
from tests.chaos.workload import ScenarioWorkload
from tests.system import System, wait_until

Scenario = Callable[[ChaosSystem, ScenarioWorkload], None]

BROKER = {"embedded": "nats", "rabbitmq-redis": "rabbitmq"}
SERVICES = (
    *("auth", "users", "media", "posts", "comments", "feed"),
    *("notifications", "catalog", "gateway"),
)


def await_progress(workload: ScenarioWorkload, more: int = 5) -> None:
    """Wait until some more posts are acknowledged."""

    def total() -> int:
        return sum(map(len, workload.acknowledged.values()))

    goal = total() + more
    wait_until(lambda: total() >= goal, what=f"{more} posts more")


def crash(
    chaos: ChaosSystem, workload: ScenarioWorkload, *, fault_points: tuple[FaultPoint, ...]
) -> None:
    """Let services die at exact points and restart."""
    with workload.posting():
        await_progress(workload)
        for fault_point in fault_points:
            chaos.fault_points.arm(fault_point)
        workload.follow_late()
        for fault_point in fault_points:
            chaos.fault_points.await_triggered(fault_point)
        await_progress(workload)


def kill(chaos: ChaosSystem, workload: ScenarioWorkload, *, processes: tuple[str, ...]) -> None:
    """Kill some processes at once."""
    with workload.posting():
        await_progress(workload)
        for process in processes:
            chaos.system.kill(process)
        workload.follow_late()
        await_progress(workload)


def random_kills(
    chaos: ChaosSystem, workload: ScenarioWorkload, *, seed: int = 42, times: int = 6
) -> None:
    """Kill services and sidecars in random order, each as soon as posts succeed again."""
    dice = random.Random(seed)  # noqa: S311 (the same every time)
    names = [name for service in SERVICES for name in (service, f"{service}.daprd")]
    with workload.posting():
        first, *others = dice.sample(names, times)
        chaos.system.kill(first)
        workload.follow_late()
        for process in others:
            chaos.system.kill(process)
            await_progress(workload, 2)
        await_progress(workload)


def broker_stopped(chaos: ChaosSystem, workload: ScenarioWorkload) -> None:
    """Stop the broker for a while; posting continues."""
    broker = _broker(chaos.system)
    with workload.posting():
        await_progress(workload)
        chaos.system.stop(broker)
        await_progress(workload)
        workload.follow_late()
        chaos.system.start(broker)
        await_progress(workload)


def broker_killed(chaos: ChaosSystem, workload: ScenarioWorkload) -> None:
    """Kill the broker."""
    with workload.posting():
        await_progress(workload)
        chaos.system.kill(_broker(chaos.system))
        await_progress(workload)
        workload.follow_late()


def broker_emptied(chaos: ChaosSystem, workload: ScenarioWorkload) -> None:
    """Restart the broker without its data."""
    with workload.posting():
        await_progress(workload)
        chaos.system.restart(_broker(chaos.system), empty=True)
        workload.follow_late()
        await_progress(workload)


def _broker(system: System) -> str:
    return BROKER[system.components]


def _crash(*fault_points: FaultPoint) -> Scenario:
    return partial(crash, fault_points=fault_points)


def _kill(*processes: str) -> Scenario:
    return partial(kill, processes=processes)


SCENARIOS: dict[str, Scenario] = {
    "posts dies before a commit": _crash(FaultPoint("posts", "before-commit", "post:", 2)),
    "posts dies after a commit, before its answer": _crash(
        FaultPoint("posts", "after-commit", "post:", 2)
    ),
    "posts dies before a publish": _crash(FaultPoint("posts", "before-publish", "posts")),
    "posts dies after a publish": _crash(FaultPoint("posts", "after-publish", "posts")),
    "posts dies after the effect of its own news": _crash(
        FaultPoint("posts", "after-effect", "marks")
    ),
    "posts dies between a mark and its boost": _crash(
        FaultPoint("posts", "after-commit", "mark:", 3)
    ),
    "posts dies while it lists a boost": _crash(
        FaultPoint("posts", "before-commit", "rebloggers:"),
        FaultPoint("posts", "after-publish", "post-counts"),
    ),
    "feed dies before the effect of a post": _crash(FaultPoint("feed", "before-effect", "posts")),
    "feed dies in the middle of a fan-out": _crash(FaultPoint("feed", "before-commit", "card:", 1)),
    "feed dies after the effect of a post, before its answer": _crash(
        FaultPoint("feed", "after-effect", "posts", 1)
    ),
    "users dies after the commit of a follow": _crash(FaultPoint("users", "after-commit", "edge:")),
    "users dies while it lists a follower": _crash(
        FaultPoint("users", "before-commit", "followers:"),
        FaultPoint("users", "after-effect", "edges"),
    ),
    "users and feed die over a follow": _crash(
        FaultPoint("users", "before-publish", "edges"), FaultPoint("feed", "after-effect", "edges")
    ),
    "notifications dies before the effect of a like": _crash(
        FaultPoint("notifications", "before-effect", "marks")
    ),
    "notifications dies after a commit": _crash(
        FaultPoint("notifications", "after-commit", "notification:")
    ),
    "notifications dies while it tells somebody": _crash(
        FaultPoint("notifications", "before-commit", "notifications:", 1),
        FaultPoint("notifications", "after-effect", "posts"),
    ),
    "notifications dies over a follow": _crash(
        FaultPoint("notifications", "before-effect", "edges"),
        FaultPoint("notifications", "after-effect", "edges", 1),
    ),
    "comments dies before the effect of a post": _crash(
        FaultPoint("comments", "before-effect", "posts")
    ),
    "comments dies in the middle of a comment": _crash(
        FaultPoint("comments", "before-commit", "replies:", 1)
    ),
    "comments dies over a count of comments": _crash(
        FaultPoint("comments", "before-publish", "comment-counts"),
        FaultPoint("comments", "after-publish", "comment-counts"),
    ),
    "posts dies over the end of a thread": _crash(FaultPoint("posts", "before-effect", "comments")),
    "the sidecar of posts is killed": _kill("posts.daprd"),
    "the sidecar of feed is killed": _kill("feed.daprd"),
    "the gateway and its sidecar are killed": _kill("gateway", "gateway.daprd"),
    "posts and feed are killed at once": _kill("posts", "feed", "posts.daprd", "feed.daprd"),
    "comments and its sidecar are killed": _kill("comments", "comments.daprd"),
    "notifications and users are killed at once": _kill(
        "notifications", "notifications.daprd", "users", "users.daprd"
    ),
    "the broker is stopped and started": broker_stopped,
    "the broker is killed": broker_killed,
    "the broker comes back empty": broker_emptied,
    "anything is killed at random": random_kills,
}
