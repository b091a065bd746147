"""Makes the policies of sidecars of services/access.yaml: what is not named there is refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from services.chassis.security.access_rules import Access, ServiceAccess
from tools.runner.infra.identities import APP_TRUST_DOMAIN, NAMESPACE

Document = dict[str, Any]

_API_VERSIONS = ("v1", "v1alpha1", "v1alpha2", "v1beta1")
_GRPC_APIS = (
    *("invoke", "state", "publish", "bindings", "secrets", "actors", "metadata", "configuration"),
    *("lock", "unlock", "subtlecrypto", "crypto", "workflows", "jobs", "shutdown", "subscribe"),
    "conversation",
)
"""All groups of the gRPC API in runtime 1.18, which services do not use, except for workflows."""
_GRPC_USERS = {"workflows", "metadata", "shutdown"}
"""What the engine of workflows calls by gRPC."""


def configure(
    document: Document, own: ServiceAccess, *, has_mtls: bool, namespace: str = NAMESPACE
) -> Document:
    """Return a sidecar's configuration with the policies of its service.

    All sidecars are in one namespace.

    Without mTLS a sidecar does not know who calls, and so cannot control it.
    """
    spec = {**document["spec"], "api": _api(own), "secrets": _secrets(own)}
    if has_mtls:
        spec["accessControl"] = _access_control(own, namespace)
    return {**document, "spec": spec}


def _secrets(own: ServiceAccess) -> Document:
    scope = {"storeName": "secretstore", "defaultAccess": "deny"}
    return {"scopes": [scope | {"allowedSecrets": sorted(own.secrets)}]}


def _api(own: ServiceAccess) -> Document:
    """Allow the named APIs by HTTP, and by gRPC only what the engine of workflows needs.

    A list without an entry for gRPC would allow everything there: what is not used is denied, too.
    """
    by_grpc = own.apis & _GRPC_USERS if "workflows" in own.apis else frozenset()
    denied = (name for name in _GRPC_APIS if name not in by_grpc)
    return {
        "allowed": [*_rules(sorted(own.apis), "http"), *_rules(sorted(by_grpc), "grpc")],
        "denied": _rules(denied, "grpc"),
    }


def _rules(names: Iterable[str], protocol: str) -> list[Document]:
    return [
        {"name": name, "version": version, "protocol": protocol}
        for name in names
        for version in _API_VERSIONS
    ]


def _access_control(own: ServiceAccess, namespace: str) -> Document:
    allowed = [*own.calls.values(), *own.grpc.values()]
    callers = sorted({caller for callers in allowed for caller in callers})
    return {
        "defaultAction": "deny",
        "trustDomain": APP_TRUST_DOMAIN,
        "policies": [_policy(caller, own, namespace) for caller in callers],
    }


def _policy(caller: str, own: ServiceAccess, namespace: str) -> Document:
    """Allow the verbs of a caller by the first segment of the path.

    In 1.18 a name that daprd finds covers all paths below it, whatever longer names are listed. The
    service itself checks the exact route. The operations of gRPC methods name no verb, so that they
    allow nothing by HTTP.
    """
    verbs: dict[str, set[str]] = {}
    for route, allowed in own.calls.items():
        method, _, path = route.partition(" ")
        if caller in allowed:
            verbs.setdefault("/" + path.split("/")[1], set()).add(method)
    return {
        "appId": caller,
        "defaultAction": "deny",
        "trustDomain": APP_TRUST_DOMAIN,
        "namespace": namespace,
        "operations": [
            *(
                {"name": name, "httpVerb": sorted(verbs[name]), "action": "allow"}
                for name in sorted(verbs)
            ),
            *(
                {"name": _lower_case(method), "action": "allow"}
                for method in sorted(own.grpc)
                if caller in own.grpc[method]
            ),
        ],
    }


def _lower_case(method: str) -> str:
    """Return a name without capitals that covers a gRPC method: it has `*` for each of them.

    daprd makes the names lower case for an app that speaks HTTP, but not the method that is called.
    """
    return re.sub("[A-Z]", "*", method)


def scope_component(document: Document, access: Access) -> Document:
    """Return a component that only the services may use that the file names, for their topics.

    Other kinds of documents are returned as they are.
    """
    if document["kind"] != "Component":
        return document
    name = str(document["metadata"]["name"])
    scoped = {**document, "scopes": sorted(app for app in access if name in access[app].components)}
    if document["spec"]["type"].startswith("pubsub."):
        metadata = [*document["spec"].get("metadata", []), *_topic_scopes(name, access)]
        scoped["spec"] = {**document["spec"], "metadata": metadata}
    return scoped


def published_topics(own: ServiceAccess, component: str = "pubsub") -> frozenset[str]:
    """Return the topics that a service may publish through a component.

    The dead letters of a service are a topic of its own.
    """
    if component != "pubsub":
        return frozenset()
    return own.publishes | _dead_letters(own)


def delivered_topics(own: ServiceAccess, component: str = "pubsub") -> frozenset[str]:
    """Return the topics that a component may deliver to a service."""
    if own.pubsub != component:
        return frozenset()
    return own.subscribes | _dead_letters(own)


def _dead_letters(own: ServiceAccess) -> frozenset[str]:
    has_some = own.subscribes and own.pubsub == "pubsub"
    return frozenset({f"{own.name}-dead"} if has_some else ())


def _topic_scopes(component: str, access: Access) -> list[Document]:
    """Name every service: daprd lets a service that a scope does not name use all topics."""
    published = {app: published_topics(own, component) for app, own in access.items()}
    delivered = {app: delivered_topics(own, component) for app, own in access.items()}
    return [
        {"name": "publishingScopes", "value": _scope(published)},
        {"name": "subscriptionScopes", "value": _scope(delivered)},
    ]


def _scope(topics: Mapping[str, Iterable[str]]) -> str:
    return ";".join(f"{app}={','.join(sorted(topics[app]))}" for app in sorted(topics))


def workflow_policy(access: Access) -> Document:
    """Return the policy by which each service with workflows alone starts and steers its own."""
    owners = sorted(app for app in access if "workflows" in access[app].apis)
    operations = ["schedule", "terminate", "raise", "pause", "resume", "purge", "get", "rerun"]
    return {
        "apiVersion": "dapr.io/v1alpha1",
        "kind": "WorkflowAccessPolicy",
        "metadata": {"name": "own-workflows"},
        "scopes": owners,
        "spec": {
            "rules": [
                {
                    "callers": [{"appID": owner} for owner in owners],
                    "workflows": [{"name": "*", "operations": operations}],
                    "activities": [{"name": "*"}],
                }
            ]
        },
    }
