"""A real API server takes every overlay, and keeps what it promises."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.chassis.security.access_rules import read_access
from tests.kubernetes.cluster import until
from tests.kubernetes.conftest import Deployed
from tests.kubernetes.pods import (
    NAMESPACE_OPTION,
    READY_SECONDS,
    all_are_ready,
    restricted_pod,
)
from tests.unit.deploy.overlays import OVERLAYS, of_kind, overlay
from tools.kubernetes import programs
from tools.kubernetes.schemas import kind_of, schemas_of, trigger_schemas

SCHEMAS = Path(__file__).parents[1] / "unit" / "deploy" / "schemas.json"


def test_an_overlay_is_taken_without_a_warning(deployed: Deployed) -> None:
    assert "Warning" not in deployed.said, deployed.said
    for each in overlay(deployed.overlay):
        assert f"/{each['metadata']['name']} " in deployed.said


def test_a_second_apply_starts_no_pod_again(deployed: Deployed) -> None:
    def generations() -> dict[str, int]:
        found = deployed.cluster.get(*NAMESPACE_OPTION, "deployments,statefulsets")["items"]
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
    all_are_ready(deployed)


def test_the_namespace_takes_restricted_pods_only(deployed: Deployed) -> None:
    for change in (
        {"hostNetwork": True},
        {"volumes": [{"name": "etc", "hostPath": {"path": "/etc"}}]},
        {"securityContext": {"runAsUser": 0}},
    ):
        answer = deployed.cluster.try_kubectl(
            *("create", "--dry-run=server", "-f", "-"),
            given=yaml.safe_dump(restricted_pod(**change)),
        )
        assert answer.code != 0
        assert 'violates PodSecurity "restricted:latest"' in answer.text


def test_what_is_refused_above_is_the_change(deployed: Deployed) -> None:
    deployed.cluster.kubectl(
        *("create", "--dry-run=server", "-f", "-"), given=yaml.safe_dump(restricted_pod())
    )


def test_a_service_may_do_nothing_at_the_api_server(deployed: Deployed) -> None:
    for app in read_access():
        for verb, what in (("get", "secrets"), ("list", "pods"), ("create", "pods/exec")):
            answer = deployed.cluster.try_kubectl(
                *("auth", "can-i", verb, what, *NAMESPACE_OPTION),
                f"--as=system:serviceaccount:microgram:{app}",
            )
            assert answer.text.splitlines()[-1].startswith("no"), (app, verb, what, answer.text)


def test_a_budget_stops_the_second_eviction_until_the_first_pod_is_back(
    deployed: Deployed,
) -> None:
    """Of two pods one is gone, and does not come back as long as nodes take none."""
    all_are_ready(deployed)
    deployed.cluster.kubectl(*NAMESPACE_OPTION, "scale", "deployment/feed", "--replicas=2")
    all_are_ready(deployed)
    _until_allowed(deployed, 1)
    pods = deployed.cluster.get(*NAMESPACE_OPTION, "pods", "-l", "app.kubernetes.io/name=feed")
    first, second = [each["metadata"]["name"] for each in pods["items"]]
    deployed.cluster.kubectl("cordon", "-l", "kubernetes.io/hostname")
    try:
        assert _evict(deployed, first).code == 0
        _until_allowed(deployed, 0)
        refused = _evict(deployed, second)
        assert refused.code != 0
        assert "TooManyRequests" in refused.text  # the reason of status 429
        assert "would violate the pod's disruption budget" in refused.text
    finally:
        deployed.cluster.kubectl("uncordon", "-l", "kubernetes.io/hostname")
    _until_allowed(deployed, 1)
    assert _evict(deployed, second).code == 0
    all_are_ready(deployed)


def _until_allowed(deployed: Deployed, wanted: int) -> None:
    """Wait until the budget of feed, for the pods that are now wanted, allows so many."""

    def allowed() -> bool:
        status = deployed.cluster.get(*NAMESPACE_OPTION, "pdb", "feed")["status"]
        return bool(status.get("expectedPods") == 2 and status["disruptionsAllowed"] == wanted)

    until(allowed, f"the budget of feed does not allow {wanted}", READY_SECONDS)


def test_backup_and_restore_get_their_pods(deployed: Deployed) -> None:
    """What they do is tried with the rights of these pods in tests/containers."""
    found = of_kind(overlay(deployed.overlay), "CronJob")
    if deployed.overlay == "dev":
        pytest.skip("dev has no backups")
    assert found
    for each in found:
        name = each["metadata"]["name"]
        deployed.cluster.kubectl(
            *(*NAMESPACE_OPTION, "create", "job", f"{name}-now", f"--from=cronjob/{name}")
        )
        _await_pod_of_job(deployed, f"{name}-now")


def _await_pod_of_job(deployed: Deployed, job: str) -> None:
    cluster = deployed.cluster
    until(
        lambda: cluster.get(*NAMESPACE_OPTION, "pods", "-l", f"job-name={job}")["items"],
        lambda: cluster.kubectl(*NAMESPACE_OPTION, "describe", f"job/{job}"),
        READY_SECONDS,
    )


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
    if deployed.overlay == "dev":
        pytest.skip("dev has no scalers")
    scalers = deployed.cluster.get(*NAMESPACE_OPTION, "hpa,scaledobject")["items"]
    targets = {each["spec"]["scaleTargetRef"]["name"] for each in scalers}
    assert targets == set(read_access())
    for app in targets:
        assert deployed.cluster.get(*NAMESPACE_OPTION, "deployment", app)

    def found() -> set[str]:
        """The names whose scale the controller could read: `AbleToScale` is true."""
        return {
            each["metadata"]["name"]
            for each in deployed.cluster.get(*NAMESPACE_OPTION, "hpa")["items"]
            for condition in each.get("status", {}).get("conditions", ())
            if condition["type"] == "AbleToScale" and condition["status"] == "True"
        }

    horizontal = {each["metadata"]["name"] for each in scalers if "minReplicas" in each["spec"]}
    until(lambda: found() == horizontal, lambda: f"only {found()}", READY_SECONDS)


def test_the_schemas_beside_the_unit_tests_are_those_of_the_server(deployed: Deployed) -> None:
    """With MICROGRAM_WRITE_SCHEMAS=1 they are written."""
    kinds = {kind_of(each) for name in OVERLAYS for each in overlay(name)}
    groups = {"api/v1"} | {f"apis/{each.split()[0]}" for each in kinds if "/" in each}
    paths = deployed.cluster.raw("/openapi/v3")["paths"]
    said = [deployed.cluster.raw(paths[each]["serverRelativeURL"]) for each in sorted(groups)]
    served = schemas_of(said, kinds)
    scaled = [each for name in OVERLAYS for each in of_kind(overlay(name), "ScaledObject")]
    triggers = {trigger["type"] for each in scaled for trigger in each["spec"]["triggers"]}
    served["definitions"] |= trigger_schemas(programs.keda_scalers(), triggers)
    if os.environ.get("MICROGRAM_WRITE_SCHEMAS"):
        SCHEMAS.write_text(json.dumps(served, indent=0, sort_keys=True) + "\n")
    assert json.loads(SCHEMAS.read_text()) == served
