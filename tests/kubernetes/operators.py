"""Definitions of the kinds of RabbitMQ's and Redis' operators, with the fields that we use.

No package registry has the definitions of these operators. So each kind has those of its published
fields that deploy/kubernetes uses (rabbitmq/cluster-operator, rabbitmq/messaging-topology-operator
and OT-CONTAINER-KIT/redis-operator on GitHub), and an API server refuses all others. Who uses one
more looks it up there, and adds it here.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "integer"}
_QUANTITY: Schema = {"x-kubernetes-int-or-string": True}
_EMBEDDED: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
"""A part that has a kind of Kubernetes itself: `EMBEDDED` says which."""


def _object(*required: str, **fields: Schema) -> Schema:
    return {"type": "object", "properties": fields, "required": list(required)}


def _choice(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


_NAMED = _object(name=_TEXT)
_SPECS = {
    "rabbitmqclusters.rabbitmq.com v1beta1 RabbitmqCluster": _object(
        replicas={"type": "integer", "minimum": 0},
        image=_TEXT,
        resources=_EMBEDDED,
        persistence=_object(storage=_QUANTITY),
        rabbitmq=_object(additionalConfig={"type": "string", "maxLength": 2000}),
        override=_object(statefulSet=_object(spec=_object(template=_EMBEDDED))),
    ),
    "users.rabbitmq.com v1beta1 User": _object(
        "rabbitmqClusterReference",
        importCredentialsSecret=_NAMED,
        rabbitmqClusterReference=_NAMED,
    ),
    "permissions.rabbitmq.com v1beta1 Permission": _object(
        *("permissions", "rabbitmqClusterReference", "vhost"),
        vhost=_TEXT,
        userReference=_NAMED,
        permissions=_object(configure=_TEXT, write=_TEXT, read=_TEXT),
        rabbitmqClusterReference=_NAMED,
    ),
    "policies.rabbitmq.com v1beta1 Policy": _object(
        *("definition", "name", "pattern", "rabbitmqClusterReference"),
        vhost=_TEXT,
        name=_TEXT,
        pattern=_TEXT,
        definition=_EMBEDDED,  # what RabbitMQ takes
        applyTo=_choice("queues", "classic_queues", "quorum_queues", "streams", "exchanges", "all"),
        rabbitmqClusterReference=_NAMED,
    ),
    "redis.redis.redis.opstreelabs.in v1beta2 Redis": _object(
        "kubernetesConfig",
        kubernetesConfig=_object(
            "image",
            image=_TEXT,
            imagePullPolicy=_TEXT,
            resources=_EMBEDDED,
            redisSecret=_object(name=_TEXT, key=_TEXT),
        ),
        redisConfig=_object(additionalRedisConfig=_TEXT),
        podSecurityContext=_EMBEDDED,
        securityContext=_EMBEDDED,
        storage=_object(volumeClaimTemplate=_EMBEDDED),
    ),
}
"""What a user may write, by the name of its definition, its version and its kind."""

EMBEDDED = {
    ("RabbitmqCluster", "resources"): "ResourceRequirements",
    ("RabbitmqCluster", "override.statefulSet.spec.template"): "PodTemplateSpec",
    ("Redis", "kubernetesConfig.resources"): "ResourceRequirements",
    ("Redis", "podSecurityContext"): "PodSecurityContext",
    ("Redis", "securityContext"): "SecurityContext",
    ("Redis", "storage.volumeClaimTemplate"): "PersistentVolumeClaim",
}
"""Kinds of Kubernetes that are parts of others: by kind, and path in its spec."""


def definitions() -> list[Schema]:
    """Return the definitions, for `kubectl apply`."""
    return [_definition(key, spec) for key, spec in _SPECS.items()]


def _definition(key: str, spec: Schema) -> Schema:
    name, version, kind = key.split()
    plural, _, group = name.partition(".")
    schema = _object("spec", spec=spec)
    served = {"name": version, "served": True, "storage": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind},
            "versions": [served | {"schema": {"openAPIV3Schema": schema}}],
        },
    }
