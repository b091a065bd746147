"""The overlays of deploy/kubernetes, as kustomize builds them."""

from __future__ import annotations

import copy
import functools
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tools.kubernetes.files import FOLDER

Document = dict[str, Any]
OVERLAYS = ("dev", "production")
WORKLOADS = ("Deployment", "StatefulSet", "CronJob")


@functools.cache
def _built(name: str) -> list[Document]:
    if shutil.which("kubectl") is None:
        pytest.skip("needs kubectl, which has kustomize in it")
    command = ["kubectl", "kustomize", str(FOLDER / "overlays" / name)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return list(yaml.load_all(text, Loader=loader))


def overlay(name: str) -> list[Document]:
    """Return the objects of an overlay, a copy for each test."""
    return copy.deepcopy(_built(name))


def of_kind(documents: list[Document], *kinds: str) -> list[Document]:
    return [each for each in documents if each["kind"] in kinds]


def one(documents: list[Document], kind: str, name: str) -> Document:
    (found,) = [each for each in of_kind(documents, kind) if each["metadata"]["name"] == name]
    return found


def pod_template(document: Document) -> Document | None:
    """Return the template of the pods of a workload; None for another kind."""
    spec = document.get("spec", {})
    if document["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    found: Document | None = spec.get("template") if document["kind"] in WORKLOADS else None
    return found


def workloads(documents: list[Document]) -> Iterator[tuple[Document, Document]]:
    """Yield each workload with the template of its pods."""
    for document in documents:
        if (template := pod_template(document)) is not None:
            yield document, template
