"""Names, ports and sizes of the system in a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]

NAMESPACE = "microgram"
DAPR_NAMESPACE = "dapr-system"
IMAGE = "microgram"
"""The image of all services; each overlay says in which registry and of which version."""

USER = 10001
"""The user of services and sidecars: that of the image (`deploy/Containerfile`)."""

INTERNAL_PORT = 50002
"""Where a sidecar listens for others: the default of Dapr's injector."""
METRICS_PORT = 9090
REDIS_PORT, RABBITMQ_PORT = 6379, 5672
CONTROL_PLANE_PORTS = (6500, 50001, 50005, 50006)
"""Of operator, sentry, placement and scheduler, in their pods."""

DRAIN_SECONDS = 5
"""From the removal of a pod's address until its service stops: others learn of it meanwhile."""
GRACE_SECONDS = 45
"""Drain, then requests in the works (12 s), the outbox, and the sidecar after its service."""
REVISIONS = 3
"""How many earlier versions `kubectl rollout undo` can return to."""


@dataclass(frozen=True)
class ContainerSize:
    """What a container asks for, and what it may not exceed. Processor in cores, memory in MiB."""

    request: float
    limit: float
    memory: int
    memory_limit: int

    def resources(self) -> Document:
        """Return the resources of a container."""
        return {
            "requests": {"cpu": _cores(self.request), "memory": f"{self.memory}Mi"},
            "limits": {"cpu": _cores(self.limit), "memory": f"{self.memory_limit}Mi"},
        }


def _cores(number: float) -> str:
    return f"{round(number * 1000)}m"


SIDECAR = ContainerSize(0.1, 2.0, 128, 320)
"""The official daprd has 213 MB resident at rest, of which pages of its file need no memory of
their own, and 24 MB are private (docs/benchmark.md)."""
GO_MEMORY = 256
"""MiB from which a sidecar collects garbage more often, below the limit that would kill it."""

SIZES = {
    "gateway": ContainerSize(0.2, 1.0, 192, 512),  # caches of 128 MiB (docs/operating.md)
    "media": ContainerSize(0.2, 2.0, 256, 1536),  # a decoder in a process of its own may have 1 GiB
    "auth": ContainerSize(0.2, 1.0, 160, 384),  # Argon2 takes memory for each password
}
_USUAL = ContainerSize(0.1, 1.0, 128, 256)


def size_of(app: str) -> ContainerSize:
    """Return the size of a service's container."""
    return SIZES.get(app, _USUAL)


def labels(app: str) -> dict[str, str]:
    """Return the labels that select the pods of an app."""
    return {"app.kubernetes.io/name": app}


def metadata(name: str) -> Document:
    """Return the metadata of an object; kustomize adds namespace and common labels."""
    return {"name": name}
