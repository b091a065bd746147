"""Fault injection: any call of a fake can fail, lose its response, or be the last."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeVar

from services.chassis.errors import OutcomeUnknown, Unavailable

T = TypeVar("T")

IN_BACKGROUND: ContextVar[bool] = ContextVar("IN_BACKGROUND", default=False)
"""Whether a process calls because time has passed. How often it does so depends on the machine, so
such calls are not counted."""


class ProcessDied(BaseException):
    """Ends the pending calls of a dead process; no code of a service handles it."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a fake: its method, and its keys, topics or names."""

    name: str
    about: tuple[str, ...] = ()


Hook = Callable[[Call], Awaitable[None]]


@dataclass(slots=True)
class _Fault:
    name: str
    about: str
    skip: int
    times: int
    after: bool
    error: Exception | None

    def strikes(self, names: Sequence[Call]) -> bool:
        """Return whether the fault applies to a call, by any of its names; counts such calls."""
        if not any(map(self._matches, names)):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return self.times >= 0

    def _matches(self, call: Call) -> bool:
        if self.name not in ("*", call.name):
            return False
        return not self.about or any(word.startswith(self.about) for word in call.about)


@dataclass(slots=True)
class Faults:
    """The faults of one connection between a process and a fake.

    `calls` is what was asked on it, but for what a process asks at intervals of its own.
    `before` and `after` are hooks that run around every call: a hook may look, wait or raise.
    """

    calls: list[Call] = field(default_factory=list)
    before: list[Hook] = field(default_factory=list)
    after: list[Hook] = field(default_factory=list)
    dead: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    _faults: list[_Fault] = field(default_factory=list)

    def fail(
        self,
        name: str = "*",
        *,
        about: str = "",
        nth: int = 1,
        times: int = 1,
        after: bool = False,
        error: Exception | None = None,
    ) -> None:
        """Let calls fail: the nth matching call from now, and the next `times`.

        Before it takes effect with `Unavailable`, or `after` it did with `OutcomeUnknown`; or with
        an error of your own.
        """
        error = error or (OutcomeUnknown("lost answer") if after else Unavailable("not reachable"))
        self._faults.append(_Fault(name, about, nth - 1, times, after, error))

    def crash(self, name: str = "*", *, about: str = "", nth: int = 1, after: bool = False) -> None:
        """Let the process die at a call: this call and all later ones never return.

        `await faults.dead.wait()` until it happened, then go on with another process.
        """
        self._faults.append(_Fault(name, about, nth - 1, 1, after, None))

    def kill(self) -> None:
        """Let all calls from now on never return."""
        self.dead.set()

    def release(self) -> None:
        """End the pending calls of a dead process with `ProcessDied`."""
        self.kill()
        self.released.set()

    def count(self, name: str = "*") -> int:
        """Return the number of calls of a name."""
        return sum(name in ("*", call.name) for call in self.calls)

    async def around(self, call: Call, act: Callable[[], T], also: Sequence[Call] = ()) -> T:
        """Run a call with the faults before and after it.

        `also` are calls that it takes the place of: their faults and hooks apply to it.
        """
        names = [call, *also]
        if not IN_BACKGROUND.get():
            self.calls.append(call)
        struck = [fault for fault in self._faults if fault.strikes(names)]
        await asyncio.sleep(0)
        await self._strike([fault for fault in struck if not fault.after])
        for name in names:
            for hook in self.before:
                await hook(name)
        await self._alive()
        result = act()
        await asyncio.sleep(0)
        for name in names:
            for hook in self.after:
                await hook(name)
        await self._strike([fault for fault in struck if fault.after])
        await self._alive()
        return result

    async def _strike(self, faults: list[_Fault]) -> None:
        for fault in faults:
            if fault.error is not None:
                raise fault.error
            self.kill()
        await self._alive()

    async def _alive(self) -> None:
        if self.dead.is_set():
            await self.released.wait()
            raise ProcessDied
