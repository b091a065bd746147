"""A component file, held to what the runner demands of one."""

from __future__ import annotations

from typing import Any

import yaml

from tools.learn.report import Work
from tools.runner.config.component_traps import as_text, refuse_traps, required_settings

KIND = "pubsub.rabbitmq"


async def check(work: Work) -> None:
    """Check pubsub.yaml."""
    component: dict[str, Any] = yaml.safe_load((work.folder / "pubsub.yaml").read_text())
    spec = component["spec"]
    settings = {each["name"]: each for each in spec["metadata"]}
    work.require(
        "services still find their component",
        (component["metadata"]["name"], spec["type"]) == ("pubsub", KIND),
        expected=f"the name pubsub and the type {KIND}",
        seen=f"{component['metadata']['name']} and {spec['type']}",
        look="pubsub.yaml: services know the name of a component, and nothing else of it",
    )
    for name, (value, why) in required_settings(KIND).items():
        found = as_text(settings.get(name, {}).get("value", "nothing"))
        work.require(
            f"{name} is {value}",
            found == value,
            expected=value,
            seen=found,
            look=f"otherwise {why}",
        )
    connection = settings.get("connectionString", {})
    work.require(
        "the password is not in the file",
        "value" not in connection and "secretKeyRef" in connection,
        expected="a secretKeyRef",
        seen=connection.get("value", "nothing"),
        look="pubsub.yaml, connectionString",
    )
    refuse_traps("learn", [component])
