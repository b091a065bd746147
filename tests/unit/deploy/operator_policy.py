"""Rules for the pods that operators make of their resources: they are in no overlay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tests.unit.deploy.overlays import Document, of_kind


class _Pod(NamedTuple):
    """What a resource says of its pods."""

    context: Document
    containers: list[Document]
    resources: Document


def operators_confine_their_pods(documents: list[Document]) -> Iterator[str]:
    for each in of_kind(documents, *_POD_OF):
        where = f"{each['kind']} {each['metadata']['name']}"
        pod = _POD_OF[each["kind"]](each["spec"])
        given = pod.resources.get("limits", {})
        yield from (f"{where} has no limits of {what}" for what in {"cpu", "memory"} - given.keys())
        if pod.context.get("runAsNonRoot") is not True:
            yield f"{where} may run as root"
        for context in pod.containers:
            if context.get("allowPrivilegeEscalation") is not False:
                yield f"{where} may gain privileges"
            if context.get("capabilities") != {"drop": ["ALL"]}:
                yield f"{where} keeps capabilities"


def _of_redis(spec: Document) -> _Pod:
    resources = spec["kubernetesConfig"].get("resources", {})
    return _Pod(spec.get("podSecurityContext", {}), [spec.get("securityContext", {})], resources)


def _of_rabbitmq(spec: Document) -> _Pod:
    override = spec.get("override", {}).get("statefulSet", {}).get("spec", {})
    pod = override.get("template", {}).get("spec", {})
    containers = [*pod.get("initContainers", ()), *pod.get("containers", ())]
    contexts = [each.get("securityContext", {}) for each in containers]
    return _Pod(pod.get("securityContext", {}), contexts, spec.get("resources", {}))


_POD_OF = {"Redis": _of_redis, "RabbitmqCluster": _of_rabbitmq}
