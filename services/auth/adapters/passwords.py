"""Password hashing with Argon2id, in a few threads with a bounded queue.

A hash takes some 30 ms of a core on purpose. It never runs on the event loop, and a flood of logins
is rejected before it can starve other work.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.auth.adapters.heap import release_heap
from services.auth.adapters.password_strength import weakness
from services.auth.domain.errors import InvalidFields
from services.auth.domain.users import normalize_password, password_errors
from services.chassis.errors import RateLimited

T = TypeVar("T")

CONCURRENCY = 2
MAX_QUEUED = 64
"""The last in the queue waits for a second: 30 ms each, two at a time."""

IDLE_TIME = 2.0
"""Seconds without a hash after which the memory of the last ones is returned: 19 MiB a thread. To
return it after each would make every hash a third dearer, by its page faults."""


def argon2id() -> PasswordHasher:
    """OWASP's parameters for Argon2id: 19 MiB, two passes, one lane; 31 ms on a 2-core machine.

    <https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html>
    """
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


@dataclass(frozen=True, slots=True)
class PasswordCheck:
    """Whether a password matches its hash, and whether the hash needs newer parameters."""

    matches: bool
    needs_rehash: bool = False


class PasswordHasherPool:
    """Hashes and verifies passwords off the event loop."""

    def __init__(
        self,
        hasher: PasswordHasher | None = None,
        *,
        at_once: int = CONCURRENCY,
        waiting: int = MAX_QUEUED,
    ) -> None:
        self._hasher = hasher or argon2id()
        self._concurrency = at_once
        self._max_pending = at_once + waiting
        self._pending = 0
        self._dummy_hash = ""
        self._threads: ThreadPoolExecutor | None = None
        self._release: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> PasswordHasherPool:
        self._threads = ThreadPoolExecutor(self._concurrency, thread_name_prefix="argon2")
        self._dummy_hash = await self.hash("nobody has this password")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._release is not None:
            self._release.cancel()
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    def ensure_capacity(self) -> None:
        """Raise `RateLimited` when the queue is full."""
        if self._pending >= self._max_pending:
            raise RateLimited(
                "Too many users are logging in. Try again in a moment.", retry_after=1
            )

    async def ensure_acceptable(self, password: str, username: str, email: str) -> None:
        """Raise `InvalidFields` for a password that a user may not choose; or `RateLimited`."""
        if errors := password_errors(password, username, email):
            raise InvalidFields({"password": errors})
        text = normalize_password(password)
        if weak := await self._run(lambda: weakness(text, username, email)):
            raise InvalidFields({"password": [weak]})

    async def hash(self, password: str) -> str:
        """Return a hash with its own salt and parameters. Raises `RateLimited`."""
        return await self._run(lambda: self._hasher.hash(normalize_password(password)))

    async def verify(self, password: str, hashed: str) -> PasswordCheck:
        """Compare a password with a hash. Raises `RateLimited`.

        An empty hash matches no password, and takes as long as any other.
        """
        return await self._run(lambda: self._verify(normalize_password(password), hashed))

    def _verify(self, password: str, hashed: str) -> PasswordCheck:
        try:
            self._hasher.verify(hashed or self._dummy_hash, password)
        except (VerificationError, InvalidHashError):
            return PasswordCheck(matches=False)
        return PasswordCheck(
            bool(hashed), self._hasher.check_needs_rehash(hashed or self._dummy_hash)
        )

    async def _run(self, work: Callable[[], T]) -> T:
        self.ensure_capacity()
        loop = asyncio.get_running_loop()
        if self._release is not None:
            self._release.cancel()
        self._pending += 1
        try:
            return await loop.run_in_executor(self._threads, work)
        finally:
            self._pending -= 1
            if not self._pending:
                self._release = loop.call_later(IDLE_TIME, self.release_memory)

    def release_memory(self) -> None:
        """Have each thread return the memory of its last hash, in the background."""
        all_here = threading.Barrier(self._concurrency)  # else one thread would do the work of all

        def release() -> None:
            with contextlib.suppress(threading.BrokenBarrierError):
                all_here.wait(1.0)
            release_heap()

        if self._threads is not None:
            with contextlib.suppress(RuntimeError):  # the service stops
                for _ in range(self._concurrency):
                    self._threads.submit(release)
