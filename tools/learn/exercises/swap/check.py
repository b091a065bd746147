"""A component file for another broker, and a system that runs with it."""

from __future__ import annotations

from typing import Any

import yaml

from tools.learn.report import Work
from tools.learn.system import LearnerSystem
from tools.runner.config.component_traps import refuse_traps
from tools.runner.config.paths import RunDir
from tools.runner.errors import RunnerError

WANTED = "pubsub.rabbitmq"


async def check(work: Work) -> None:
    """Check pubsub.yaml, and the system that runs with it."""
    component: dict[str, Any] = yaml.safe_load((work.folder / "pubsub.yaml").read_text())
    kind = component["spec"]["type"]
    work.require(
        "the file is for RabbitMQ",
        kind == WANTED,
        expected=WANTED,
        seen=kind,
        look="pubsub.yaml, spec.type",
    )
    refused = _refusal(component)
    work.require(
        "no setting would lose an event",
        not refused,
        expected="no refusal",
        seen=refused,
        look="pubsub.yaml, spec.metadata",
    )
    system = LearnerSystem.of(work)
    used = _broker_of(system)
    work.require(
        "your running system uses it",
        used == WANTED,
        expected=WANTED,
        seen=used,
        look="the page starts it with --manifest learn/swap/dapr.yaml --components mine",
    )
    work.require(
        "an event of posts arrives in comments",
        system.delivers_a_comment(),
        expected="a comment in its thread",
        seen="none",
        look="./tye-like-run.sh logs --run-dir .run/learn --level warning",
    )


def _broker_of(system: LearnerSystem) -> str:
    """The type of `pubsub` in the files that the runner gave to the sidecar of comments."""
    files = (RunDir(system.folder).components / "comments").glob("component-*.yaml")
    documents = [each for file in files for each in yaml.safe_load_all(file.read_text()) if each]
    types = {each["metadata"]["name"]: each["spec"].get("type") for each in documents}
    return str(types.get("pubsub", "none"))


def _refusal(component: dict[str, Any]) -> str:
    try:
        refuse_traps("mine", [component])
    except RunnerError as error:
        return str(error)
    return ""
