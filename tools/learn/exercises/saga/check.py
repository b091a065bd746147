"""Checkouts in which each step fails: before it takes effect, and after its answer is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from services.chassis.workflows.plan import CallActivity, StepFailed
from tools.learn.report import Work

UNDO = "checkout.py: which steps undo what has happened, or may have happened?"


@dataclass
class Shop:
    """What the three services know of one order. `failures` counts down for each step."""

    held: bool = False
    charged: bool = False
    shipped: bool = False
    failures: dict[str, int] = field(default_factory=dict)
    loses_answer: bool = False
    done: list[str] = field(default_factory=list)

    def call(self, step: str) -> None:
        """Do one step; raise what its service raises."""
        fails = self.failures.get(step, 0) > 0
        self.failures[step] = self.failures.get(step, 0) - 1
        if fails and not self.loses_answer:
            raise ConnectionError(f"{step} failed")
        match step:
            case "reserve" | "release":
                self.held = step == "reserve"
            case "charge" | "refund":
                self.charged = step == "charge"
            case "ship" | "recall":
                self.shipped = step == "ship"
            case _:
                raise LookupError(f'there is no step "{step}"')
        self.done.append(step)
        if fails:
            raise ConnectionError(f"the answer of {step} was lost")

    def __str__(self) -> str:
        state = {"goods held": self.held, "card charged": self.charged, "shipped": self.shipped}
        return ", ".join(name for name, is_so in state.items() if is_so) or "nothing is left"


def run(workflow: Callable[[str], Any], shop: Shop) -> str:
    """Run a plan as the engine does, without its pauses."""
    plan, failure = workflow("order-1"), None
    try:
        while True:
            step = plan.throw(failure) if failure else next(plan)
            failure = _attempt(shop, step)
    except StopIteration as end:
        return str(end.value)
    except StepFailed as failed:
        return f"the workflow failed ({failed})"


def _attempt(shop: Shop, step: CallActivity) -> StepFailed | None:
    error = ConnectionError("no attempt")
    for _ in range(max(1, step.retry.max_attempts)):
        try:
            shop.call(step.activity)
        except ConnectionError as failed:
            error = failed
        else:
            return None
    return StepFailed(step.activity, type(error).__name__, str(error))


async def check(work: Work) -> None:
    """Check `checkout` of checkout.py."""
    checkout = work.module("checkout").checkout
    shop = Shop()
    outcome = run(checkout, shop)
    work.require(
        "a checkout without trouble completes",
        outcome == "completed" and shop.held and shop.charged and shop.shipped,
        expected="completed: goods held, card charged, shipped",
        seen=f"{outcome}: {shop}",
        look="checkout.py, the steps forward",
    )
    for step in ("charge", "ship"):
        shop = Shop(failures={step: 1_000})
        _require_undone(work, shop, run(checkout, shop), f"when `{step}` fails for good")
    for step in ("reserve", "charge", "ship"):
        shop = Shop(failures={step: 1_000}, loses_answer=True)
        what = f"when `{step}` takes effect and its answer is lost"
        _require_undone(work, shop, run(checkout, shop), what)
    shop = Shop(failures={"ship": 1_000, "recall": 3, "refund": 3, "release": 3})
    _require_undone(
        *(work, shop, run(checkout, shop), "when the way back fails three times first"),
        look="checkout.py: how often is a step back tried?",
    )
    order = [step for step in shop.done if step in ("recall", "refund", "release")]
    work.require(
        "the way back is the way forward reversed",
        order == ["recall", "refund", "release"],
        expected="recall, then refund, then release",
        seen=", then ".join(order),
        look="checkout.py, the order of the steps back",
    )


def _require_undone(work: Work, shop: Shop, outcome: str, when: str, look: str = UNDO) -> None:
    work.require(
        f"nothing is held, charged or shipped {when}",
        outcome == "cancelled" and not (shop.held or shop.charged or shop.shipped),
        expected="cancelled: nothing is left",
        seen=f"{outcome}: {shop}",
        look=look,
    )
