"""Every object has the fields of its kind and no others, as an API server would check it."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests.unit.deploy.overlays import OVERLAYS, Document, one, overlay
from tools.kubernetes.schemas import kind_of

SCHEMAS = json.loads((Path(__file__).parent / "schemas.json").read_text())

UNKNOWN = {
    "rabbitmq.com/v1beta1 Permission",
    "rabbitmq.com/v1beta1 Policy",
    "rabbitmq.com/v1beta1 RabbitmqCluster",
    "rabbitmq.com/v1beta1 User",
    "redis.redis.opstreelabs.in/v1beta2 Redis",
}
"""Kinds whose schemas no package registry has: the modules of these operators are not served."""


@functools.cache
def _validator(kind: str) -> Any:
    reference = {"$ref": f"#/definitions/{SCHEMAS['kinds'][kind]}"}
    return jsonschema_rs.validator_for(
        {"definitions": SCHEMAS["definitions"], **reference},
    )


def faults(documents: list[Document]) -> list[str]:
    """Return what the schemas say against objects; also kinds that have none."""
    found = []
    for document in documents:
        kind = kind_of(document)
        if kind in SCHEMAS["kinds"]:
            errors = _validator(kind).iter_errors(document)
            found += [f"{kind} {document['metadata']['name']}: {each.message}" for each in errors]
        elif kind not in UNKNOWN:
            found.append(f"{kind} has no schema: run `./tye-like-run.sh test --kubernetes`")
    return found


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_is_valid(name: str) -> None:
    assert faults(overlay(name)) == []


def container(documents: list[Document]) -> Document:
    found: Document
    (found,) = one(documents, "Deployment", "feed")["spec"]["template"]["spec"]["containers"]
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
    assert used == {*SCHEMAS["kinds"], *UNKNOWN}
