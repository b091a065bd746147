"""Every object has the fields of its kind and no others, as an API server would check it."""

from __future__ import annotations

import functools
import json
import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests.kubernetes.operators import EMBEDDED
from tests.unit.deploy.overlays import OVERLAYS, Document, of_kind, one, overlay
from tools.kubernetes.schemas import kind_of, trigger_name

SCHEMAS = json.loads((Path(__file__).parent / "schemas.json").read_text())


@functools.cache
def _validator(definition: str) -> Any:
    reference = {"$ref": f"#/definitions/{definition}"}
    return jsonschema_rs.validator_for(
        {"definitions": SCHEMAS["definitions"], **reference},
    )


def faults(documents: list[Document]) -> list[str]:
    """Return what the schemas say against objects; also kinds that have none."""
    found = []
    for document in documents:
        kind = kind_of(document)
        if kind in SCHEMAS["kinds"]:
            errors = [*_validator(SCHEMAS["kinds"][kind]).iter_errors(document)]
            errors += _trigger_errors(document)
            found += [f"{kind} {document['metadata']['name']}: {each.message}" for each in errors]
        else:
            found.append(f"{kind} has no schema: run `./tye-like-run.sh test --kubernetes`")
    return found


def _trigger_errors(document: Document) -> list[Any]:
    """What KEDA's own list of triggers says against those of a ScaledObject."""
    triggers = document.get("spec", {}).get("triggers", ())
    return [
        error
        for trigger in triggers
        if "type" in trigger
        for error in _validator(trigger_name(trigger["type"])).iter_errors(trigger["metadata"])
    ]


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_is_valid(name: str) -> None:
    assert faults(overlay(name)) == []


def container(documents: list[Document]) -> Document:
    found: Document
    (found,) = one(documents, "Deployment", "feed")["spec"]["template"]["spec"]["containers"]
    return found


def trigger(documents: list[Document], type: str) -> Document:
    triggers = one(documents, "ScaledObject", "feed")["spec"]["triggers"]
    found: Document = next(each["metadata"] for each in triggers if each["type"] == type)
    return found


PLANTED: dict[str, tuple[Callable[[list[Document]], object], str]] = {
    "a field that does not exist": (
        lambda d: container(d).update(livenesProbe={}),
        "'livenesProbe' was unexpected",
    ),
    "a field in the wrong place": (
        lambda d: one(d, "Deployment", "feed")["spec"].update(containers=[]),
        "'containers' was unexpected",
    ),
    "a wrong type": (
        lambda d: container(d)["ports"][0].update(containerPort="8106"),
        "is not of type",
    ),
    "a missing field": (lambda d: container(d).pop("name"), '"name" is a required property'),
    "a field that Dapr does not know": (
        lambda d: one(d, "Configuration", "feed")["spec"].update(acessControl={}),
        "'acessControl' was unexpected",
    ),
    "a trigger without a type": (
        lambda d: one(d, "ScaledObject", "feed")["spec"]["triggers"][0].pop("type"),
        '"type" is a required property',
    ),
    "a parameter that a trigger does not have": (
        lambda d: trigger(d, "rabbitmq").update(queue="posts"),
        "'queue' was unexpected",
    ),
    "a trigger without its queue": (
        lambda d: trigger(d, "rabbitmq").pop("queueName"),
        '"queueName" is a required property',
    ),
    "a field that an operator does not know": (
        lambda d: one(d, "Redis", "redis")["spec"]["redisConfig"].update(additionalConfig="x"),
        "'additionalConfig' was unexpected",
    ),
    "a wrong value for an operator": (
        lambda d: one(d, "Policy", "broadcast")["spec"].update(applyTo="queue"),
        "is not one of",
    ),
    "a kind without a schema": (
        lambda d: d.append({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}}),
        "has no schema",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found(name: str) -> None:
    plant, wanted = PLANTED[name]
    documents = overlay("production")
    plant(documents)
    assert any(wanted in fault for fault in faults(documents)), faults(documents)


def test_only_what_is_used_is_kept() -> None:
    used = {kind_of(each) for name in OVERLAYS for each in overlay(name)}
    assert used == SCHEMAS["kinds"].keys()


@pytest.mark.parametrize(("kind", "path"), EMBEDDED)
def test_what_an_operator_passes_on_is_valid(kind: str, path: str) -> None:
    (found,) = of_kind(overlay("production"), kind)
    part = functools.reduce(operator.getitem, path.split("."), found["spec"])
    validator = _validator(f"io.k8s.api.core.v1.{EMBEDDED[kind, path]}")
    assert [each.message for each in validator.iter_errors(part)] == []
