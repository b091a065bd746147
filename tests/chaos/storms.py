"""What is broken under the stream of posts, one function for each storm."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

from tests.chaos.conftest import Stage
from tests.chaos.stream import Cast
from tests.chaos.traps import Trap
from tests.system import System, wait_until

Storm = Callable[[Stage, Cast], None]

BROKER = {"embedded": "nats", "rabbitmq-redis": "rabbitmq"}
SERVICES = (
    *("auth", "users", "media", "posts", "comments", "feed"),
    *("notifications", "catalog", "gateway"),
)


def flowing(cast: Cast, more: int = 5) -> None:
    """Wait until some more posts were acknowledged."""

    def total() -> int:
        return sum(map(len, cast.acknowledged.values()))

    goal = total() + more
    wait_until(lambda: total() >= goal, what=f"{more} posts more")


def crash(stage: Stage, cast: Cast, *, traps: tuple[Trap, ...]) -> None:
    """A service dies at exactly one point, and comes back."""
    with cast.posting():
        flowing(cast)
        for trap in traps:
            stage.traps.lay(trap)
        cast.follow_late()
        for trap in traps:
            stage.traps.await_sprung(trap)
        flowing(cast)


def kill(stage: Stage, cast: Cast, *, processes: tuple[str, ...]) -> None:
    """Some processes are killed at once."""
    with cast.posting():
        flowing(cast)
        for process in processes:
            stage.system.kill(process)
        cast.follow_late()
        flowing(cast)


def random_kills(stage: Stage, cast: Cast, *, seed: int = 42, times: int = 6) -> None:
    """Services and sidecars are killed in a random order, each as soon as posts flow again."""
    dice = random.Random(seed)  # noqa: S311 (the same every time)
    names = [name for service in SERVICES for name in (service, f"{service}.daprd")]
    with cast.posting():
        first, *others = dice.sample(names, times)
        stage.system.kill(first)
        cast.follow_late()
        for process in others:
            stage.system.kill(process)
            flowing(cast, 2)
        flowing(cast)


def broker_stopped(stage: Stage, cast: Cast) -> None:
    """The broker is away for a while; posting goes on."""
    broker = _broker(stage.system)
    with cast.posting():
        flowing(cast)
        stage.system.stop(broker)
        flowing(cast)
        cast.follow_late()
        stage.system.start(broker)
        flowing(cast)


def broker_killed(stage: Stage, cast: Cast) -> None:
    """The broker is killed in the middle of what it does."""
    with cast.posting():
        flowing(cast)
        stage.system.kill(_broker(stage.system))
        flowing(cast)
        cast.follow_late()


def broker_emptied(stage: Stage, cast: Cast) -> None:
    """The broker comes back and has forgotten everything."""
    with cast.posting():
        flowing(cast)
        stage.system.restart(_broker(stage.system), empty=True)
        cast.follow_late()
        flowing(cast)


def _broker(system: System) -> str:
    return BROKER[system.components]


def _crash(*traps: Trap) -> Storm:
    return partial(crash, traps=traps)


def _kill(*processes: str) -> Storm:
    return partial(kill, processes=processes)


STORMS: dict[str, Storm] = {
    "posts dies before a commit": _crash(Trap("posts", "before-commit", "post:", 2)),
    "posts dies after a commit, before its answer": _crash(
        Trap("posts", "after-commit", "post:", 2)
    ),
    "posts dies before a publish": _crash(Trap("posts", "before-publish", "posts")),
    "posts dies after a publish": _crash(Trap("posts", "after-publish", "posts")),
    "posts dies after the effect of its own news": _crash(Trap("posts", "after-effect", "marks")),
    "posts dies between a mark and its boost": _crash(Trap("posts", "after-commit", "mark:", 3)),
    "posts dies while it lists a boost": _crash(
        Trap("posts", "before-commit", "rebloggers:"), Trap("posts", "after-publish", "post-counts")
    ),
    "feed dies before the effect of a post": _crash(Trap("feed", "before-effect", "posts")),
    "feed dies in the middle of a fan-out": _crash(Trap("feed", "before-commit", "card:", 1)),
    "feed dies after the effect of a post, before its answer": _crash(
        Trap("feed", "after-effect", "posts", 1)
    ),
    "users dies after the commit of a follow": _crash(Trap("users", "after-commit", "edge:")),
    "users dies while it lists a follower": _crash(
        Trap("users", "before-commit", "followers:"), Trap("users", "after-effect", "edges")
    ),
    "users and feed die over a follow": _crash(
        Trap("users", "before-publish", "edges"), Trap("feed", "after-effect", "edges")
    ),
    "notifications dies before the effect of a like": _crash(
        Trap("notifications", "before-effect", "marks")
    ),
    "notifications dies after a commit": _crash(
        Trap("notifications", "after-commit", "notification:")
    ),
    "notifications dies while it tells somebody": _crash(
        Trap("notifications", "before-commit", "notifications:", 1),
        Trap("notifications", "after-effect", "comments"),
    ),
    "notifications dies over a follow": _crash(
        Trap("notifications", "before-effect", "edges"),
        Trap("notifications", "after-effect", "edges", 1),
    ),
    "comments dies before the effect of a post": _crash(Trap("comments", "before-effect", "posts")),
    "comments dies in the middle of a comment": _crash(
        Trap("comments", "before-commit", "replies:", 1)
    ),
    "comments dies over a count of comments": _crash(
        Trap("comments", "before-publish", "comment-counts"),
        Trap("comments", "after-publish", "comment-counts"),
    ),
    "posts dies over the end of a thread": _crash(Trap("posts", "before-effect", "comments", 2)),
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
