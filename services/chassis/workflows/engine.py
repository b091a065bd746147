"""The port of the workflow engine, and the texts about its state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from services.chassis.dapr.client import ActorStatus
from services.chassis.workflows.plan import Json

PLACEMENT, SCHEDULER = "placement service", "scheduler"

NO_ANSWER = (
    "The workflow engine does not answer. The log of this service's sidecar says why; "
    "`./tye-like-run.sh ps` shows whether placement and scheduler run."
)

Status = Literal["running", "completed", "failed", "terminated"]


@dataclass(frozen=True, slots=True)
class WorkflowStatus:
    """The status of a workflow, with its output or the reason of its failure."""

    status: Status
    output: Json = None
    why: str = ""

    @property
    def is_over(self) -> bool:
        return self.status != "running"


class WorkflowEngine(Protocol):
    """The port: the sidecar's engine, or a fake that passes the same contract suite."""

    async def __aenter__(self) -> WorkflowEngine: ...

    async def __aexit__(self, *_: object) -> None: ...

    @property
    def is_ready(self) -> bool: ...

    @property
    def problem(self) -> str: ...

    async def start(self, workflow: str, id: str, input: Json) -> None: ...

    async def find(self, id: str) -> WorkflowStatus | None: ...

    async def raise_event(self, id: str, event: str, data: Json) -> None: ...

    async def terminate(self, id: str) -> None: ...

    async def purge(self, id: str) -> None: ...


def problem_of(actors: ActorStatus) -> str:
    """Why no workflow can run, and what to do; empty if all is well."""
    if actors.has_placement and actors.has_scheduler:
        return ""
    return unreachable(SCHEDULER if actors.has_placement else PLACEMENT)


def unreachable(what: str) -> str:
    """The text for a sidecar that has no connection to a control plane service."""
    return (
        f"The workflow engine cannot be reached: the sidecar has no connection to a {what}. "
        "Placement and scheduler must run where the sidecar is told that they are: start them "
        "with `./tye-like-run.sh infra up` for a plain `dapr run -f .`; `./tye-like-run.sh` alone "
        "starts them itself."
    )
