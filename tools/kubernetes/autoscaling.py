"""How many pods each service has: by processor, and by events that wait."""

from __future__ import annotations

from services.chassis.security.access_rules import Access, ServiceAccess
from tools.kubernetes.settings import Document, metadata
from tools.runner.config.access_policies import delivered_topics

BROKER_LOGIN = "keda-rabbitmq"
"""The Secret with the address and login by which KEDA looks at queues, and their owner's name."""

_MOST = {"gateway": 12, "feed": 12, "posts": 8, "media": 8}
_LEAST, _USUAL_MOST = 2, 6
_BUSY_PERCENT = 70
_WAITING_EVENTS = 200
"""Events in a queue for each pod: two times what a sidecar takes at once (`prefetchCount`)."""


def autoscaler(app: str, access: Access) -> Document:
    """Return what sets the number of pods of a service.

    KEDA makes a HorizontalPodAutoscaler itself, and only one may act on a Deployment: so a service
    has a ScaledObject if the broker delivers events to it, and a HorizontalPodAutoscaler else.
    """
    queues = queues_of(access[app])
    return _scaled_object(app, queues) if queues else _horizontal(app)


def queues_of(own: ServiceAccess) -> list[str]:
    """Return the queues of a service at RabbitMQ: `<consumerID>-<topic>`, with the app-id."""
    return [f"{own.name}-{topic}" for topic in sorted(delivered_topics(own) & own.subscribes)]


def trigger_authentication() -> Document:
    """Return how KEDA logs in at RabbitMQ."""
    reference = {"parameter": "host", "name": BROKER_LOGIN, "key": "host"}
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "TriggerAuthentication",
        "metadata": metadata("rabbitmq"),
        "spec": {"secretTargetRef": [reference]},
    }


def _target(app: str) -> Document:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "name": app}


def _behavior() -> Document:
    """Return how fast the number changes: up at once, down one pod in two minutes."""
    return {
        "scaleUp": {
            "stabilizationWindowSeconds": 0,
            "policies": [{"type": "Percent", "value": 100, "periodSeconds": 30}],
        },
        "scaleDown": {
            "stabilizationWindowSeconds": 300,
            "policies": [{"type": "Pods", "value": 1, "periodSeconds": 120}],
        },
    }


def _horizontal(app: str) -> Document:
    target = {"type": "Utilization", "averageUtilization": _BUSY_PERCENT}
    resource = {"name": "cpu", "container": app, "target": target}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(app),
        "spec": {
            "scaleTargetRef": _target(app),
            "minReplicas": _LEAST,
            "maxReplicas": _MOST.get(app, _USUAL_MOST),
            "metrics": [{"type": "ContainerResource", "containerResource": resource}],
            "behavior": _behavior(),
        },
    }


def _scaled_object(app: str, queues: list[str]) -> Document:
    busy = {
        "type": "cpu",
        "metricType": "Utilization",
        "metadata": {"value": str(_BUSY_PERCENT), "containerName": app},
    }
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": metadata(app),
        "spec": {
            "scaleTargetRef": _target(app),
            "minReplicaCount": _LEAST,
            "maxReplicaCount": _MOST.get(app, _USUAL_MOST),
            "pollingInterval": 15,
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": _behavior()}},
            "triggers": [busy, *(_queue_trigger(queue) for queue in queues)],
        },
    }


def _queue_trigger(queue: str) -> Document:
    return {
        "type": "rabbitmq",
        "metadata": {
            "protocol": "amqp",
            "queueName": queue,
            "mode": "QueueLength",
            "value": str(_WAITING_EVENTS),
        },
        "authenticationRef": {"name": "rabbitmq"},
    }
