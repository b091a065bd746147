"""Passwords: Argon2id in a few threads, with a short queue.

A hash costs some 30 ms of a core on purpose, so that it is never done on the event loop, and so
that a flood of logins is refused instead of starving everything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.auth.domain.people import normal_password
from services.chassis.errors import RateLimited

T = TypeVar("T")

AT_ONCE = 2
WAITING = 64
"""At 30 ms and two at once the last in the queue waits for a second."""


def argon2id() -> PasswordHasher:
    """OWASP's parameters for Argon2id: 19 MiB, two passes, one lane; 31 ms on a 2-core machine.

    <https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html>
    """
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a password was right, and, if so, whether its hash should be made anew."""

    right: bool
    outdated: bool = False


class Passwords:
    """Hashes and checks passwords off the event loop."""

    def __init__(
        self,
        hasher: PasswordHasher | None = None,
        *,
        at_once: int = AT_ONCE,
        waiting: int = WAITING,
    ) -> None:
        self._hasher = hasher or argon2id()
        self._at_once = at_once
        self._most = at_once + waiting
        self._busy = 0
        self._nobodys = ""
        self._threads: ThreadPoolExecutor | None = None

    async def __aenter__(self) -> Passwords:
        self._threads = ThreadPoolExecutor(self._at_once, thread_name_prefix="argon2")
        self._nobodys = await self.hash("nobody has this password")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    def ensure_room(self) -> None:
        """Raises `RateLimited` when the queue is full."""
        if self._busy >= self._most:
            raise RateLimited(
                "Too many people are logging in. Try again in a moment.", retry_after=1
            )

    async def hash(self, password: str) -> str:
        """A hash with its own salt and parameters. Raises `RateLimited`."""
        return await self._run(lambda: self._hasher.hash(normal_password(password)))

    async def check(self, password: str, hashed: str) -> Verdict:
        """Whether a hash is that of a password. Raises `RateLimited`.

        An empty hash stands for nobody's, and takes as long.
        """
        return await self._run(lambda: self._check(normal_password(password), hashed))

    def _check(self, password: str, hashed: str) -> Verdict:
        try:
            self._hasher.verify(hashed or self._nobodys, password)
        except (VerificationError, InvalidHashError):
            return Verdict(right=False)
        return Verdict(bool(hashed), self._hasher.check_needs_rehash(hashed or self._nobodys))

    async def _run(self, work: Callable[[], T]) -> T:
        self.ensure_room()
        self._busy += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._busy -= 1
