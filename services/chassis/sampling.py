"""The decision which new traces are sampled, and bounds of a second."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

MAX_TRACES_PER_SECOND = 20
"""New traces of a process: beyond that, load does not pay for tracing."""


class RateBound:
    """Admits a number of things in each second."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._second = -1
        self._left = 0

    def admit(self) -> bool:
        """Whether one more is admitted in this second."""
        second = int(self._clock())
        if second != self._second:
            self._second, self._left = second, self._limit
        self._left -= 1
        return self._left >= 0


class Sampler:
    """Decides for a share of all new traces, up to `MAX_TRACES_PER_SECOND`."""

    def __init__(self, ratio: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._ratio = ratio
        self._bound = RateBound(MAX_TRACES_PER_SECOND, clock)

    def sample(self) -> bool:
        """Whether a new trace is sampled."""
        return random.random() < self._ratio and self._bound.admit()  # noqa: S311 (no secret)
