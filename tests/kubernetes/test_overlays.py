"""A real API server takes every overlay, and keeps what it promises."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import yaml

from services.chassis.security.access_rules import read_access
from tests.kubernetes.cluster import STAND_INS, until
from tests.kubernetes.conftest import Deployed
from tests.unit.deploy.overlays import OVERLAYS, overlay, workloads
from tools.kubernetes.schemas import kind_of, schemas_of

_NAMESPACE = ("-n", "microgram")
_READY_SECONDS = 120.0
SCHEMAS = Path(__file__).parents[1] / "unit" / "deploy" / "schemas.json"


def test_an_overlay_is_taken_without_a_warning(deployed: Deployed) -> None:
    assert "Warning" not in deployed.said, deployed.said
    for each in overlay(deployed.overlay):
        assert f"/{each['metadata']['name']} " in deployed.said


def test_a_second_apply_starts_no_pod_again(deployed: Deployed) -> None:
    def generations() -> dict[str, int]:
        found = deployed.cluster.get(*_NAMESPACE, "deployments,statefulsets")["items"]
        return {each["metadata"]["name"]: each["metadata"]["generation"] for each in found}

    before = generations()
    deployed.cluster.apply_overlay(deployed.overlay)
    assert generations() == before


def test_an_unknown_field_is_refused(deployed: Deployed) -> None:
    documents = overlay(deployed.overlay)
    (feed,) = [each for each in documents if kind_of(each).endswith(" Deployment")][:1]
    feed["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
    answer = deployed.cluster.try_kubectl(
        *("apply", "--dry-run=server", "--validate=strict", "-f", "-"), given=yaml.safe_dump(feed)
    )
    assert answer.code != 0
    assert 'unknown field "spec.template.spec.containers[0].livenesProbe"' in answer.text


def test_every_pod_becomes_ready(deployed: Deployed) -> None:
    """On nodes that pretend: scheduled with its volumes, and with no objection of an admission."""
    wanted = {each["metadata"]["name"] for each, _ in workloads(overlay(deployed.overlay))}
    wanted -= {"backup", "restore"}

    def unready() -> set[str]:
        there = deployed.cluster.get(*_NAMESPACE, "deployments,statefulsets")["items"]
        ready = {each["metadata"]["name"] for each in there if _is_ready(each)}
        return wanted - ready

    until(
        lambda: not unready(),
        lambda: f"not ready: {unready()}\n{deployed.cluster.kubectl('get', 'events', '-A')}",
        _READY_SECONDS,
    )


def _is_ready(workload: dict[str, Any]) -> bool:
    return bool(workload["status"].get("readyReplicas") == workload["spec"]["replicas"] > 0)


def test_the_namespace_takes_restricted_pods_only(deployed: Deployed) -> None:
    for change in (
        {"hostNetwork": True},
        {"volumes": [{"name": "etc", "hostPath": {"path": "/etc"}}]},
        {"securityContext": {"runAsUser": 0}},
    ):
        answer = deployed.cluster.try_kubectl(
            *("create", "--dry-run=server", "-f", "-"), given=yaml.safe_dump(_pod(**change))
        )
        assert answer.code != 0
        assert 'violates PodSecurity "restricted:latest"' in answer.text


def _pod(**spec: object) -> dict[str, object]:
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


def test_what_is_refused_above_is_the_change(deployed: Deployed) -> None:
    deployed.cluster.kubectl(
        *("create", "--dry-run=server", "-f", "-"), given=yaml.safe_dump(_pod())
    )


def test_a_service_may_do_nothing_at_the_api_server(deployed: Deployed) -> None:
    for app in read_access():
        for verb, what in (("get", "secrets"), ("list", "pods"), ("create", "pods/exec")):
            answer = deployed.cluster.try_kubectl(
                *("auth", "can-i", verb, what, *_NAMESPACE),
                f"--as=system:serviceaccount:microgram:{app}",
            )
            assert answer.text.splitlines()[-1].startswith("no"), (app, verb, what, answer.text)


def test_a_budget_stops_the_second_eviction(deployed: Deployed) -> None:
    """Pods of the first one are gone, and do not come back as long as nodes take none."""
    cluster = deployed.cluster
    test_every_pod_becomes_ready(deployed)
    until(
        lambda: cluster.get(*_NAMESPACE, "pdb", "feed")["status"].get("disruptionsAllowed") == 1,
        "the budget of feed allows nothing",
        _READY_SECONDS,
    )
    pods = cluster.get(*_NAMESPACE, "pods", "-l", "app.kubernetes.io/name=feed")["items"]
    names = [each["metadata"]["name"] for each in pods]
    cluster.kubectl("cordon", "-l", "kubernetes.io/hostname")
    try:
        assert _evict(deployed, names[0]).code == 0
        until(
            lambda: cluster.get(*_NAMESPACE, "pdb", "feed")["status"]["disruptionsAllowed"] == 0,
            "the budget of feed still allows something",
            _READY_SECONDS,
        )
        if len(names) > 1:
            refused = _evict(deployed, names[1])
            assert refused.code != 0
            assert "would violate the pod's disruption budget" in refused.text
    finally:
        cluster.kubectl("uncordon", "-l", "kubernetes.io/hostname")
    test_every_pod_becomes_ready(deployed)


def _evict(deployed: Deployed, pod: str) -> Any:
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": "microgram"},
    }
    path = f"/api/v1/namespaces/microgram/pods/{pod}/eviction"
    return deployed.cluster.try_kubectl(
        "create", "--raw", path, "-f", "-", given=json.dumps(eviction)
    )


def test_scalers_find_their_deployments(deployed: Deployed) -> None:
    if deployed.overlay != "production":
        return
    scalers = deployed.cluster.get(*_NAMESPACE, "hpa,scaledobject")["items"]
    targets = {each["spec"]["scaleTargetRef"]["name"] for each in scalers}
    assert targets == set(read_access())
    for app in targets:
        assert deployed.cluster.get(*_NAMESPACE, "deployment", app)

    def found() -> set[str]:
        """The names whose scale the controller could read: `AbleToScale` is true."""
        return {
            each["metadata"]["name"]
            for each in deployed.cluster.get(*_NAMESPACE, "hpa")["items"]
            for condition in each.get("status", {}).get("conditions", ())
            if condition["type"] == "AbleToScale" and condition["status"] == "True"
        }

    horizontal = {each["metadata"]["name"] for each in scalers if "minReplicas" in each["spec"]}
    until(lambda: found() == horizontal, lambda: f"only {found()}", _READY_SECONDS)


def test_the_schemas_beside_the_unit_tests_are_those_of_the_server(deployed: Deployed) -> None:
    """With MICROGRAM_WRITE_SCHEMAS=1 they are written."""
    operators = {kind for _, kind in STAND_INS.values()}
    kinds = {
        kind_of(each)
        for name in OVERLAYS
        for each in overlay(name)
        if each["kind"] not in operators
    }
    groups = {"api/v1"} | {f"apis/{each.split()[0]}" for each in kinds if "/" in each}
    paths = deployed.cluster.raw("/openapi/v3")["paths"]
    said = [deployed.cluster.raw(paths[each]["serverRelativeURL"]) for each in sorted(groups)]
    served = schemas_of(said, kinds)
    if os.environ.get("MICROGRAM_WRITE_SCHEMAS"):
        SCHEMAS.write_text(json.dumps(served, indent=0, sort_keys=True) + "\n")
    assert json.loads(SCHEMAS.read_text()) == served
