"""What tests of pods share."""

from __future__ import annotations

from typing import Any

from tests.kubernetes.cluster import until
from tests.kubernetes.conftest import Deployed
from tests.unit.deploy.overlays import of_kind, overlay

NAMESPACE_OPTION = ("-n", "microgram")
READY_SECONDS = 120.0


def all_are_ready(deployed: Deployed) -> None:
    """Wait until every pod is ready; fails if one does not become it."""
    cluster = deployed.cluster
    started = of_kind(overlay(deployed.overlay), "Deployment", "StatefulSet")
    wanted = {each["metadata"]["name"] for each in started}

    def unready() -> set[str]:
        there = cluster.get(*NAMESPACE_OPTION, "deployments,statefulsets")["items"]
        ready = {each["metadata"]["name"] for each in there if _is_ready(each)}
        return wanted - ready

    until(
        lambda: not unready(),
        lambda: f"not ready: {unready()}\n{cluster.kubectl('get', 'events', '-A')}",
        READY_SECONDS,
    )


def _is_ready(workload: dict[str, Any]) -> bool:
    status = workload["status"]
    return bool(
        status.get("observedGeneration") == workload["metadata"]["generation"]
        and status.get("readyReplicas") == workload["spec"]["replicas"] > 0
    )


def restricted_pod(**spec: object) -> dict[str, Any]:
    """Return a pod that the namespace takes, but for what `spec` changes."""
    container = {
        "name": "one",
        "image": "one:1",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "one", "namespace": "microgram"},
        "spec": {"containers": [container], **spec},
    }
