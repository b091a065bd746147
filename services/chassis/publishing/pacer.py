"""Spaces messages, so that under load many share one."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pacer:
    """How long to wait before the next message: a token bucket."""

    def __init__(
        self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self._counted_at = clock()

    def delay(self) -> float:
        """Seconds until the next message may be sent; the caller waits and sends it."""
        now = self._clock()
        gained = (now - self._counted_at) * self._rate
        self._tokens = min(self._burst, self._tokens + gained) - 1
        self._counted_at = now
        return max(0.0, -self._tokens / self._rate)
