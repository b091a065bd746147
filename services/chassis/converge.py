"""Level-triggered reconciliation: what is derived from a document follows it, in any order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.chassis.errors import Unavailable

T = TypeVar("T")

MAX_ATTEMPTS = 8
"""How often a state may change while it is applied, before the event is left for a retry."""


async def converge(
    read: Callable[[], Awaitable[T | None]],
    apply: Callable[[T], Awaitable[object]],
    *,
    what: str,
    initial: T | None = None,
    max_attempts: int = MAX_ATTEMPTS,
) -> T | None:
    """Apply the current state until it no longer changes meanwhile; return it.

    `read` gives the current state, or None if there is nothing to apply. `initial` is a state that
    the caller just read or wrote, and spares the first read. `apply` must be idempotent. Of two
    that run at once, the one that ends last has applied the newest state. Costs two reads and one
    `apply` when nothing else changes it. Raises `Unavailable` after `max_attempts`, so that the
    event is delivered again; `what` names the document in its message.
    """
    state = await read() if initial is None else initial
    for _ in range(max_attempts):
        if state is None:
            return None
        await apply(state)
        current = await read()
        if current == state:
            return state
        state = current
    raise Unavailable(f"{what} keeps changing. Try again.")
