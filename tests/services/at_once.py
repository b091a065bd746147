"""Any two commands of one person at once give what one after the other would have given.

Each service says what its commands are, who gives them and what there is at last; here they are
given at once, in an interleaving that hypothesis chooses, and compared with both orders.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from tests.fakes import FakeCluster, Response, RunningReplica
from tests.fakes.interleaving import Interleaving

P = TypeVar("P")

Said = Any
Command = Callable[[P, RunningReplica], Awaitable[Said]]
Opened = tuple[Sequence[RunningReplica], Callable[[], Awaitable[P]]]

CHOICES = st.lists(st.integers(0, 3), max_size=40)
APART = st.integers(0, 1)
"""Whether the second command comes to the other replica."""


def pairs(commands: Mapping[str, Any]) -> st.SearchStrategy[tuple[str, str]]:
    """Two of some commands, perhaps the same one twice."""
    return st.tuples(st.sampled_from(sorted(commands)), st.sampled_from(sorted(commands)))


def examples(number: int) -> settings:
    """So many interleavings. They are not shrunk: each costs runs of whole services."""
    slow = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(
        max_examples=number,
        deadline=None,
        suppress_health_check=slow,
        phases=[Phase.generate],
    )


class AtOnce(Generic[P]):
    """Gives commands at once, and one after the other.

    `end` says what there is at last, with names in the place of ids.
    """

    def __init__(
        self,
        runner: asyncio.Runner,
        opened: Opened[P],
        commands: Mapping[str, Command[P]],
        end: Callable[[P, list[Said]], Awaitable[Any]],
    ) -> None:
        self._runner = runner
        self._replicas, self._come = opened
        self._commands = commands
        self._end = end
        self._known: dict[tuple[str, str], Any] = {}

    def check(self, pair: tuple[str, str], choices: list[int], apart: int) -> None:
        """Fails where two commands at once come to what neither order of them comes to."""
        self._runner.run(self._check(pair, choices, apart))

    async def _check(self, pair: tuple[str, str], choices: list[int], apart: int) -> None:
        person = await self._come()
        interleaving = Interleaving([each.sidecar for each in self._replicas], choices)
        first, second = (self._commands[name] for name in pair)
        said = await interleaving.run(
            first(person, self._replicas[0]), second(person, self._replicas[apart])
        )
        found = said, await self._end(person, said)
        forth = await self._one_after_the_other(*pair)
        (one, two), end = await self._one_after_the_other(*reversed(pair))
        back = [two, one], end
        assert found in (forth, back), f"\n{found}\nneither\n{forth}\nnor\n{back}"

    async def _one_after_the_other(self, first: str, second: str) -> Any:
        if (first, second) not in self._known:
            person = await self._come()
            replica = self._replicas[0]
            said = [await self._commands[name](person, replica) for name in (first, second)]
            self._known[first, second] = said, await self._end(person, said)
        return self._known[first, second]


@contextmanager
def running(
    open_: Callable[[FakeCluster], Awaitable[Opened[P]]],
) -> Iterator[tuple[Any, Opened[P]]]:
    """A loop for one test of many examples, with what is opened in it."""
    cluster = FakeCluster()

    async def begin() -> Opened[P]:
        return await open_(await cluster.__aenter__())

    with asyncio.Runner() as runner:
        yield runner, runner.run(begin())
        runner.run(cluster.__aexit__(None, None, None))


def refusal(answer: Response) -> dict[str, Any] | None:
    """The error that a refused person gets; empty where none is refused."""
    if answer.status == 200:
        return None
    return {"status": answer.status, "code": answer.json()["code"]}
