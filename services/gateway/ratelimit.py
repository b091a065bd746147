"""How often somebody may ask: windows that begin with the first request of each, in memory.

Each replica of the gateway counts for itself.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from services.chassis.ids import timestamp

_REMEMBERED = 50_000


@dataclass(frozen=True, slots=True)
class Standing:
    """Where somebody stands in the present window; `reset` is in seconds since 1970."""

    limit: int
    used: int
    reset: float

    @property
    def is_over(self) -> bool:
        """Whether this very request is one too many."""
        return self.used > self.limit

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The three headers that every answer of the API carries."""
        return [
            (b"x-ratelimit-limit", b"%d" % self.limit),
            (b"x-ratelimit-remaining", b"%d" % max(0, self.limit - self.used)),
            (b"x-ratelimit-reset", _moment(math.ceil(self.reset))),
        ]


@lru_cache(4096)
def _moment(seconds: int) -> bytes:
    return timestamp(datetime.fromtimestamp(seconds, UTC)).encode()


class Limiter:
    """At most `limit` requests of each key within `window` seconds.

    Keys are remembered in the order in which their windows began, so that those that have ended
    are found at the front; beyond `remembered` keys the oldest window is forgotten early.
    """

    def __init__(
        self,
        limit: int,
        window: float,
        *,
        remembered: int = _REMEMBERED,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._limit = limit
        self._window = window
        self._remembered = remembered
        self._clock = clock
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._windows)

    def hit(self, key: str) -> Standing:
        """Count one request."""
        now = self._clock()
        self._forget(now)
        ends, used = self._windows.get(key, (now + self._window, 0))
        self._windows[key] = (ends, used + 1)
        return Standing(self._limit, used + 1, ends)

    def _forget(self, now: float) -> None:
        while self._windows:
            key, (ends, _) = next(iter(self._windows.items()))
            if ends > now and len(self._windows) <= self._remembered:
                return
            del self._windows[key]
