"""A set whose components would lose or double something is refused, with the reason."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tools.runner.config.component_traps import refuse_traps, required_settings, unsafe_types
from tools.runner.config.components import component_type, load_set, set_names
from tools.runner.errors import RunnerError

SETTINGS = [
    (name, part["metadata"]["name"], setting)
    for name in set_names()
    for part in load_set(name)
    if part["metadata"]["name"] in ("pubsub", "secretstore", "statestore")
    for setting in required_settings(component_type(part))
]


def components(name: str) -> list[dict[str, Any]]:
    return [deepcopy(each) for each in load_set(name) if each["kind"] == "Component"]


@pytest.mark.parametrize("name", set_names())
def test_our_sets_are_not_refused(name: str) -> None:
    refuse_traps(name, components(name))


@pytest.mark.parametrize("value", ["", "other"])
@pytest.mark.parametrize(("name", "part", "setting"), SETTINGS)
def test_a_set_without_a_setting_that_keeps_messages_and_documents_is_refused(
    name: str, part: str, setting: str, value: str
) -> None:
    changed = components(name)
    (component,) = (each for each in changed if each["metadata"]["name"] == part)
    kept = [each for each in component["spec"]["metadata"] if each["name"] != setting]
    component["spec"]["metadata"] = [*kept, {"name": setting, "value": value}] if value else kept
    with pytest.raises(RunnerError, match=f'"{name}" is refused: {setting} of {part} must be "'):
        refuse_traps(name, changed)


@pytest.mark.parametrize("kind", unsafe_types())
def test_a_type_that_loses_documents_is_refused(kind: str) -> None:
    type_, _, version = kind.partition("/")
    spec = {"type": type_, "version": version or "v1"}
    unsafe = {"kind": "Component", "metadata": {"name": "statestore"}, "spec": spec}
    with pytest.raises(RunnerError, match=f"own.* is refused: {kind}: of two writers"):
        refuse_traps("own", [unsafe])


def test_broadcasts_on_another_broker_are_refused() -> None:
    rabbitmq, nats = components("rabbitmq-redis"), components("embedded")
    mixed = [each for each in rabbitmq if each["metadata"]["name"] != "broadcast"]
    mixed += [each for each in nats if each["metadata"]["name"] == "broadcast"]
    with pytest.raises(RunnerError, match=r"refused: broadcast is pubsub\.jetstream and pubsub is"):
        refuse_traps("own", mixed)
