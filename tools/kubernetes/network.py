"""Who may open a connection to whom: as services/access.yaml says, and nobody else."""

from __future__ import annotations

from collections.abc import Iterable

from services.chassis.security.access_rules import Access, ServiceAccess
from tools.kubernetes import settings
from tools.kubernetes.settings import Document, labels, metadata

INGRESS_LABEL = {"microgram.io/ingress": "allowed"}
"""The label of the namespace of the ingress controller."""
MONITORING_LABEL = {"microgram.io/monitoring": "allowed"}
"""The label of the namespace of Prometheus."""


def network_policy(app: str, port: int, access: Access) -> Document:
    """Return the policy of a service: calls go from sidecar to sidecar, along named routes."""
    own = access[app]
    incoming = [
        {"from": [{"namespaceSelector": {"matchLabels": MONITORING_LABEL}}]}
        | _ports(port, settings.METRICS_PORT)
    ]
    if callers := sorted(_callers(own) | _itself(own)):
        incoming.append({"from": _pods(callers)} | _ports(settings.INTERNAL_PORT))
    if own.is_public:
        gate = [{"namespaceSelector": {"matchLabels": INGRESS_LABEL}}]
        incoming.append({"from": gate} | _ports(port))
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(app),
        "spec": {
            "podSelector": {"matchLabels": labels(app)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": incoming,
            "egress": list(_outgoing(app, access)),
        },
    }


def _outgoing(app: str, access: Access) -> Iterable[Document]:
    own = access[app]
    control_plane = {"kubernetes.io/metadata.name": settings.DAPR_NAMESPACE}
    yield {"to": [{"namespaceSelector": {"matchLabels": control_plane}}]} | _ports(
        *settings.CONTROL_PLANE_PORTS
    )
    callees = {name for name, each in access.items() if app in _callers(each)} | _itself(own)
    if callees:
        yield {"to": _pods(sorted(callees))} | _ports(settings.INTERNAL_PORT)
    if own.components & {"statestore", "workflowstore"}:
        yield {"to": _pods(["redis"])} | _ports(settings.REDIS_PORT)
    if own.components & {"pubsub", "broadcast"}:
        yield {"to": _pods(["rabbitmq"])} | _ports(settings.RABBITMQ_PORT)


def _callers(own: ServiceAccess) -> set[str]:
    return {caller for callers in (*own.calls.values(), *own.grpc.values()) for caller in callers}


def _itself(own: ServiceAccess) -> set[str]:
    """Return the name of a service whose replicas call each other: those with workflows."""
    return {own.name} if "workflows" in own.apis else set()


def _pods(apps: Iterable[str]) -> list[Document]:
    return [{"podSelector": {"matchLabels": labels(app)}} for app in apps]


def _ports(*ports: int) -> Document:
    return {"ports": [{"protocol": "TCP", "port": port} for port in ports]}
