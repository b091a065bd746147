"""The definition of workflows in plain Python, independent of any engine.

    def checkout(order: str) -> Plan:
        try:
            yield CallActivity("reserve", order, RetryPolicy(max_attempts=5))
        except StepFailed:
            yield CallActivity("release", order)
        yield Sleep(60)

A plan is a generator of steps; the engine sends it the result of each step. After a pause or a
crash the engine runs the plan again from its beginning, with the same results. So a plan must be
deterministic: it uses no clock, no random numbers, and no data but its input and the results.
Everything else is an activity. A plan ends with a value, or with `ContinueAsNew`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any

Json = Any
"""A JSON value: inputs, results and events are stored."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How many attempts an activity has, and the seconds between them."""

    max_attempts: int = 1
    initial_interval: float = 0.5
    backoff_coefficient: float = 2.0
    max_interval: float = 10.0


@dataclass(frozen=True, slots=True)
class CallActivity:
    """Call an activity; the result is what it returns.

    It is called at least once, and again if a process dies during the call. Raises `StepFailed` in
    the plan after its last attempt has failed.
    """

    activity: str
    input: Json = None
    retry: RetryPolicy = RetryPolicy()


@dataclass(frozen=True, slots=True)
class Sleep:
    """Continue after some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class WaitForEvent:
    """Wait for an event; the result is its data. Raises `StepFailed` after the seconds.

    An event that arrived before is kept.
    """

    event: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ContinueAsNew:
    """Start the plan again with another input and an empty history."""

    input: Json


class StepFailed(Exception):
    """A step failed: `kind` is the name of the error, or `timeout`."""

    def __init__(self, step: str, kind: str, message: str) -> None:
        super().__init__(f"{step}: {kind}: {message}")
        self.step = step
        self.kind = kind


Step = CallActivity | Sleep | WaitForEvent
Plan = Generator[Step, Any, Any]
Workflow = Callable[[Any], Plan]
"""Makes a plan from its input."""

Activity = Callable[[Any], Awaitable[Json]]
"""Does one part of a workflow. It may be called twice, so it must be idempotent."""
