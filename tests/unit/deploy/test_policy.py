"""What runs in a cluster keeps our rules, and each rule finds what breaks it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.deploy.overlays import OVERLAYS, Document, of_kind, one, overlay, pod_template
from tests.unit.deploy.policy import RULES


def faults(documents: list[Document]) -> list[str]:
    return [fault for rule in RULES for fault in rule(documents)]


@pytest.mark.parametrize("name", OVERLAYS)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_an_overlay_keeps_a_rule(name: str, rule: Callable[[list[Document]], list[str]]) -> None:
    assert list(rule(overlay(name))) == []


def feed(documents: list[Document]) -> Document:
    return one(documents, "Deployment", "feed")


def pod_of(workload: Document) -> Document:
    template = pod_template(workload)
    assert template is not None
    found: Document = template["spec"]
    return found


def container_of(workload: Document) -> Document:
    found: Document
    (found,) = pod_of(workload)["containers"]
    return found


def pod(documents: list[Document]) -> Document:
    return pod_of(feed(documents))


def container(documents: list[Document]) -> Document:
    return container_of(feed(documents))


def sidecar(documents: list[Document]) -> dict[str, str]:
    found: dict[str, str] = feed(documents)["spec"]["template"]["metadata"]["annotations"]
    return found


def spec(documents: list[Document], kind: str, name: str) -> Document:
    found: Document = one(documents, kind, name)["spec"]
    return found


def without(documents: list[Document], kind: str, name: str) -> None:
    documents.remove(one(documents, kind, name))


def metadata_of(documents: list[Document], component: str) -> list[Document]:
    found: list[Document] = spec(documents, "Component", component)["metadata"]
    return found


def rabbitmq_container(documents: list[Document]) -> Document:
    changed = spec(documents, "RabbitmqCluster", "rabbitmq")["override"]["statefulSet"]
    found: Document
    (found,) = changed["spec"]["template"]["spec"]["containers"]
    return found


Plant = Callable[[list[Document]], object]

PLANTED: dict[str, tuple[Plant, str]] = {
    "no limit for an operator": (
        lambda d: spec(d, "RabbitmqCluster", "rabbitmq")["resources"]["limits"].pop("memory"),
        "RabbitmqCluster rabbitmq has no limits of memory",
    ),
    "root in a pod of an operator": (
        lambda d: spec(d, "Redis", "redis").pop("podSecurityContext"),
        "Redis redis may run as root",
    ),
    "privileges in a pod of an operator": (
        lambda d: spec(d, "Redis", "redis")["securityContext"].pop("allowPrivilegeEscalation"),
        "Redis redis may gain privileges",
    ),
    "capabilities in a pod of an operator": (
        lambda d: rabbitmq_container(d)["securityContext"].pop("capabilities"),
        "RabbitmqCluster rabbitmq keeps capabilities",
    ),
    "no limit": (
        lambda d: container(d)["resources"]["limits"].pop("memory"),
        "no limits of memory",
    ),
    "no request": (
        lambda d: container(d)["resources"]["requests"].pop("cpu"),
        "no requests of cpu",
    ),
    "writable root": (
        lambda d: container(d)["securityContext"].update(readOnlyRootFilesystem=False),
        "may write to its root",
    ),
    "privileges": (
        lambda d: container(d)["securityContext"].pop("allowPrivilegeEscalation"),
        "may gain privileges",
    ),
    "capabilities": (
        lambda d: container(d)["securityContext"].update(capabilities={"add": ["NET_RAW"]}),
        "keeps capabilities",
    ),
    "root": (lambda d: pod(d)["securityContext"].update(runAsUser=0), "may run as root"),
    "system calls": (
        lambda d: pod(d)["securityContext"].pop("seccompProfile"),
        "may use every system call",
    ),
    "host path": (
        lambda d: pod(d)["volumes"].append({"name": "etc", "hostPath": {"path": "/etc"}}),
        "mounts a folder of its node",
    ),
    "open component": (
        lambda d: one(d, "Component", "statestore").pop("scopes"),
        "Component statestore may be used by everybody",
    ),
    "missing login": (
        lambda d: sidecar(d).update({"dapr.io/env-from-secret": ""}),
        "finds no REDIS_PASSWORD in the sidecar of feed",
    ),
    "no budget": (
        lambda d: without(d, "PodDisruptionBudget", "feed"),
        "Deployment feed has no PodDisruptionBudget",
    ),
    "no policy": (
        lambda d: without(d, "NetworkPolicy", "feed"),
        "Deployment feed has no NetworkPolicy",
    ),
    "no account": (
        lambda d: without(d, "ServiceAccount", "feed"),
        "Deployment feed has no ServiceAccount of its own",
    ),
    "no denial": (
        lambda d: without(d, "NetworkPolicy", "deny-by-default"),
        "no NetworkPolicy denies by default",
    ),
    "open network": (
        lambda d: spec(d, "NetworkPolicy", "feed")["ingress"][0].pop("from"),
        "NetworkPolicy feed lets everybody in",
    ),
    "another caller": (
        lambda d: spec(d, "NetworkPolicy", "payments")["ingress"][1]["from"].append(
            {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "feed"}}}
        ),
        "payments is open to",
    ),
    "missing app": (lambda d: d.remove(feed(d)), "feed of dapr.yaml is missing"),
    "builtin secret store": (
        lambda d: sidecar(d).pop("dapr.io/disable-builtin-k8s-secret-store"),
        "the sidecar of feed has not disable-builtin-k8s-secret-store",
    ),
    "no token": (
        lambda d: sidecar(d).pop("dapr.io/api-token-secret"),
        "the sidecar of feed has no api-token-secret",
    ),
    "a Secret": (
        lambda d: d.append({"kind": "Secret", "metadata": {"name": "redis"}}),
        "Secret redis is in a file",
    ),
    "a password in a component": (
        lambda d: metadata_of(d, "statestore").append({"name": "redisPassword", "value": "x"}),
        "has redisPassword in it",
    ),
    "a token in the environment": (
        lambda d: container(d)["env"].append({"name": "DAPR_API_TOKEN", "value": "x"}),
        "has DAPR_API_TOKEN in it",
    ),
    "missing Configuration": (
        lambda d: without(d, "Configuration", "feed"),
        "Deployment feed refers to Configuration feed",
    ),
    "unknown Secret": (
        lambda d: sidecar(d).update({"dapr.io/app-token-secret": "none"}),
        "refers to Secret none",
    ),
    "unknown target": (
        lambda d: spec(d, "ScaledObject", "feed")["scaleTargetRef"].update(name="feeds"),
        "ScaledObject feed refers to Deployment feeds",
    ),
    "unknown queue": (
        lambda d: spec(d, "ScaledObject", "posts")["triggers"][1]["metadata"].update(queueName="x"),
        "ScaledObject posts does not look at the queues",
    ),
    "a restore with a later Redis": (
        lambda d: container_of(one(d, "CronJob", "restore")).update(image="redis:7.4"),
        "Redis has the versions 7.0 and 7.4",
    ),
    "no certificate": (lambda d: spec(d, "Ingress", "gateway").pop("tls"), "no TLS for"),
}
"""What is done to the overlay for production, and what the rules say about it."""
PLANTED |= {
    probe: (lambda d, probe=probe: container(d).pop(probe), f"has no {probe}")  # type: ignore[misc]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe")
}
PLANTED |= {
    f"image {image}": (
        lambda d, image=image: container(d).update(image=image),  # type: ignore[misc]
        "an image without a version",
    )
    for image in ("microgram", "microgram:latest", "registry:5000/microgram")
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found(name: str) -> None:
    plant, wanted = PLANTED[name]
    documents = overlay("production")
    plant(documents)
    assert any(wanted in fault for fault in faults(documents)), faults(documents)


def test_every_rule_is_tried_on_what_it_is_about() -> None:
    there = {each["kind"] for each in overlay("production")}
    assert {"Component", "CronJob", "Ingress", "ScaledObject", "HorizontalPodAutoscaler"} <= there
    assert of_kind(overlay("dev"), "StatefulSet")
