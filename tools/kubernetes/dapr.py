"""Dapr's resources: the component set of RabbitMQ and Redis, as local runs use it."""

from __future__ import annotations

from typing import Any

import yaml

from services.chassis.security.access_rules import Access
from tools.kubernetes import settings
from tools.kubernetes.settings import Document
from tools.kubernetes.workloads import SECRETS_FOLDER
from tools.runner.config.access_policies import configure, scope_component, workflow_policy
from tools.runner.config.components import PRODUCTION, load_set
from tools.runner.config.paths import REPO

_ELSEWHERE = {"blobs", "mail"}
"""Components that depend on the cluster: each overlay has them."""

_REDIS = [
    {"name": "redisHost", "value": f"redis:{settings.REDIS_PORT}"},
    {"name": "redisPassword", "envRef": "REDIS_PASSWORD"},
]
_RABBITMQ = [
    {"name": "protocol", "value": "amqp"},
    {"name": "hostname", "value": f"rabbitmq:{settings.RABBITMQ_PORT}"},
    {"name": "username", "envRef": "RABBITMQ_USERNAME"},
    {"name": "password", "envRef": "RABBITMQ_PASSWORD"},
]
_SECRETS = [
    {"name": "secretsFile", "value": f"{SECRETS_FOLDER}/secrets.json"},
]
_IN_CLUSTER = {
    "redisHost": _REDIS,
    "redisPassword": [],
    "connectionString": _RABBITMQ,
    "secretsFile": _SECRETS,
}
"""What takes the place of metadata of the component set, by its name."""


def configuration(app: str, access: Access) -> Document:
    """Return the configuration of a service's sidecar, with its policies.

    Names are resolved by DNS, which is the default in a cluster.
    """
    local = yaml.safe_load((REPO / "deploy/local/config.yaml").read_text())
    found = configure(local, access[app], has_mtls=True, namespace=settings.NAMESPACE)
    spec = {key: value for key, value in found["spec"].items() if key != "nameResolution"}
    spec["metrics"] = {**spec["metrics"], "enabled": True}
    return {**found, "metadata": {"name": app}, "spec": spec}


def shared_resources(access: Access) -> list[Document]:
    """Return the components that every cluster has alike, the resiliency and workflow policies."""
    documents = [*load_set(PRODUCTION), workflow_policy(access)]
    return [
        component_in_cluster(each, access)
        for each in documents
        if each["metadata"]["name"] not in _ELSEWHERE
    ]


def component_in_cluster(document: Document, access: Access) -> Document:
    """Return a component with addresses of the cluster, and with logins from the environment.

    Each sidecar has its own login in its environment: a component that refers to a Secret would
    give all of them the same one.
    """
    scoped = scope_component(document, access)
    if scoped["kind"] != "Component":
        return scoped
    spec = scoped["spec"]
    changed = [new for item in spec["metadata"] for new in _IN_CLUSTER.get(item["name"], [item])]
    rest = {key: value for key, value in scoped.items() if key != "auth"}
    return {**rest, "spec": {**spec, "metadata": changed}}


def scoped(document: dict[str, Any], access: Access) -> Document:
    """Return a component of an overlay with the services that may use it."""
    return scope_component(document, access)
