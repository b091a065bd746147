"""Waits for a condition with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

T = TypeVar("T")

DEADLINE = 120.0
"""The deadline in seconds, enough for a machine that is three times slower than usual.
A condition that holds ends its wait at once, so a long deadline costs nothing."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.2
"""Seconds between two looks: most things happen within 0.1 s, and a look is work for the system."""


def wait_until(condition: Callable[[], T], deadline: float = DEADLINE, what: str = "") -> T:
    """Return the first true value of a condition, which may also use `assert`.

    Fails after `deadline` seconds with the condition's last assertion, or its last value.
    """
    give_up_at, pause = time.monotonic() + deadline, _FIRST_PAUSE
    while True:
        try:
            value = condition()
        except AssertionError:
            if time.monotonic() > give_up_at:
                raise
        else:
            if value:
                return value
            if time.monotonic() > give_up_at:
                name = what or getattr(condition, "__name__", "the condition")
                pytest.fail(f"After {deadline:.0f} s, {name} is still {value!r}.")
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
