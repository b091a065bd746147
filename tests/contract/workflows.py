"""The workflows of the contract suite, and the routes that start them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Body

from services.chassis.errors import Unavailable
from services.chassis.http.responses import OrjsonResponse
from services.chassis.service import Service
from services.chassis.workflows.plan import (
    CallActivity,
    ContinueAsNew,
    Plan,
    RetryPolicy,
    Sleep,
    StepFailed,
    WaitForEvent,
)
from services.chassis.workflows.workflows import Workflows

OFTEN = RetryPolicy(max_attempts=6, initial_interval=0.1, max_interval=0.5)


@dataclass(frozen=True, slots=True)
class ExecutionCounter:
    """Counts executions in a document, which survives a killed process."""

    count: int = 0


def chain(name: str) -> Plan:
    """Three activities, one after the other."""
    done = []
    for word in "abc":
        done += [(yield CallActivity("count", f"{name}-{word}"))]
    return done


def flaky(given: dict[str, Any]) -> Plan:
    """Run an activity that fails several times before it succeeds."""
    try:
        return (yield CallActivity("stumble", given, OFTEN))
    except StepFailed as failed:
        return {"failed": failed.step, "kind": failed.kind}


def timer(seconds: float) -> Plan:
    yield Sleep(seconds)
    return "woken"


def letter(seconds: float) -> Plan:
    """Wait for two events of one name; the second may arrive early."""
    try:
        first = yield WaitForEvent("go", seconds)
        yield CallActivity("count", "between letters")
        second = yield WaitForEvent("go", seconds)
    except StepFailed as failed:
        return failed.kind
    return [first, second]


def long(name: str) -> Plan:
    """Run activities and pauses, to be interrupted."""
    done = []
    for number in range(4):
        done.append((yield CallActivity("count", f"{name}-{number}", OFTEN)))
        yield Sleep(0.5)
    return done


def countdown(number: int) -> Plan:
    yield CallActivity("count", "countdown")
    return ContinueAsNew(number - 1) if number > 1 else "zero"


def broken(_: Any) -> Plan:
    yield CallActivity("count", "broken")
    raise ValueError("on purpose")


WORKFLOWS = (chain, flaky, timer, letter, long, countdown, broken)


def workflow_routes(service: Service) -> APIRouter:
    workflows = Workflows(service)
    tallies = service.collection("tally", ExecutionCounter)

    async def count(name: str) -> str:
        await tallies.update(
            name, lambda kept: ExecutionCounter((kept or ExecutionCounter()).count + 1)
        )
        return name

    async def stumble(given: dict[str, Any]) -> int:
        tally = await tallies.update(
            given["name"], lambda t: ExecutionCounter((t or ExecutionCounter()).count + 1)
        )
        if tally is not None and tally.count <= given["times"]:
            raise Unavailable(f"stumbling {tally.count}")
        return tally.count if tally else 0

    workflows.register_activity("count", count)
    workflows.register_activity("stumble", stumble)
    for plan in WORKFLOWS:
        workflows.register_workflow(plan.__name__, plan)
    router = APIRouter(prefix="/workflows")
    _asked(router, workflows)

    @router.get("/engine/trouble")
    async def trouble() -> str:
        return workflows.problem

    @router.get("/tallies/{name}")
    async def tallied(name: str) -> int:
        kept = await tallies.get(name)
        return kept.count if kept else 0

    return router


def _asked(router: APIRouter, workflows: Workflows) -> None:
    @router.post("/{name}/{id}")
    async def start(
        name: str, id: str, given: Annotated[Any, Body()] = None, again: bool = False
    ) -> None:
        await (workflows.restart if again else workflows.start)(name, id, given)

    @router.get("/{id}")
    async def find(id: str) -> OrjsonResponse:
        run = await workflows.find(id)
        return OrjsonResponse(asdict(run) if run else None)

    @router.put("/{id}/{event}")
    async def raise_workflow_event(
        id: str, event: str, data: Annotated[Any, Body()] = None
    ) -> None:
        await workflows.raise_event(id, event, data)

    @router.delete("/{id}")
    async def terminate(id: str, purge: bool = False) -> None:
        await (workflows.purge if purge else workflows.terminate)(id)
