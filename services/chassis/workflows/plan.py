"""What a workflow is made of: plain Python, known to no engine.

    def checkout(order: str) -> Plan:
        try:
            yield Do("reserve", order, Retry(attempts=5))
        except StepFailed:
            yield Do("release", order)
        yield Sleep(60)

A plan is a generator of steps, to which the engine sends what each step came to. It is run again
from its beginning, with the same answers, whenever the engine goes on after a pause or a crash: so
it must be deterministic: no clock, no chance, no reading of anything but what it is given and
answered; whatever looks at the world is an activity. A plan ends with a value, or with
`ContinueAsNew`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any

Json = Any
"""What JSON can say: inputs, answers and events are written down."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often an activity that raises is tried, and the seconds between the tries."""

    attempts: int = 1
    first: float = 0.5
    factor: float = 2.0
    longest: float = 10.0


@dataclass(frozen=True, slots=True)
class CallActivity:
    """Have an activity done; the answer is what it returns.

    It is done at least once, and perhaps again when a process dies in it. Raises `StepFailed` in
    the plan when its last try has raised.
    """

    activity: str
    given: Json = None
    retry: RetryPolicy = RetryPolicy()


@dataclass(frozen=True, slots=True)
class Sleep:
    """Go on after some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class WaitForEvent:
    """Wait for an event; the answer is what it carries. Raises `StepFailed` after the seconds.

    An event that came before is kept.
    """

    event: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ContinueAsNew:
    """Begin anew, given something else, and with nothing remembered of the steps."""

    given: Json


class StepFailed(Exception):
    """A step came to nothing: `kind` is the name of the error, or `timeout`."""

    def __init__(self, step: str, kind: str, message: str) -> None:
        super().__init__(f"{step}: {kind}: {message}")
        self.step = step
        self.kind = kind


Step = CallActivity | Sleep | WaitForEvent
Plan = Generator[Step, Any, Any]
Workflow = Callable[[Any], Plan]
"""Makes a plan of what it is given."""

Activity = Callable[[Any], Awaitable[Json]]
"""Does something for a workflow. It may be called twice, and must bear that."""
