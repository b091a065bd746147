"""Dapr's own injector gives every pod its sidecar, and its operator what the sidecar asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
import yaml

from services.chassis.security.access_rules import read_access
from tests.kubernetes.cluster import until
from tests.kubernetes.conftest import Deployed
from tests.kubernetes.operator_api import OperatorApi
from tests.kubernetes.pods import NAMESPACE_OPTION, READY_SECONDS, all_are_ready, restricted_pod
from tests.unit.deploy.overlays import of_kind, overlay, workloads
from tools.kubernetes import programs, settings
from tools.kubernetes.workloads import SECRETS_FOLDER

Document = dict[str, Any]

_OPTIONS = {
    "app-id": "--app-id",
    "app-port": "--app-port",
    "config": "--config",
    "graceful-shutdown-seconds": "--dapr-graceful-shutdown-seconds",
    "max-body-size": "--max-body-size",
    "metrics-port": "--metrics-port",
    "read-buffer-size": "--read-buffer-size",
}
"""Annotations, and the options of daprd that they become."""
_TOKEN = "dapr-identity-token"


@pytest.fixture
def pods(deployed: Deployed) -> list[Document]:
    """All pods, of which each is ready."""
    all_are_ready(deployed)
    found: list[Document] = deployed.cluster.get(*NAMESPACE_OPTION, "pods")["items"]
    return found


def test_every_pod_of_a_service_has_one_sidecar_of_its_own(pods: list[Document]) -> None:
    found = [app for app, _, _ in _sidecars(pods)]
    assert set(found) == set(read_access())
    wanted = [each for each in pods if "dapr.io/enabled" in each["metadata"].get("annotations", {})]
    assert len(found) == len(wanted)


def test_no_other_pod_has_a_sidecar(pods: list[Document]) -> None:
    others = [each for each in pods if _name(each) not in read_access()]
    assert all(len(each["spec"]["containers"]) == 1 for each in others)
    assert all("initContainers" not in each["spec"] for each in others)


def test_a_sidecar_starts_before_its_service_and_ends_after_it(pods: list[Document]) -> None:
    for app, pod, sidecar in _sidecars(pods):
        assert sidecar["restartPolicy"] == "Always", app
        assert [each["name"] for each in pod["spec"]["containers"]] == [app]


def test_a_sidecar_is_of_the_pinned_version(pods: list[Document]) -> None:
    version = programs.dapr_version().removeprefix("v")
    for app, _, sidecar in _sidecars(pods):
        assert sidecar["image"].endswith(f"/daprd:{version}"), app


def test_a_sidecar_has_the_options_of_its_service(pods: list[Document]) -> None:
    for app, pod, sidecar in _sidecars(pods):
        annotations, arguments = pod["metadata"]["annotations"], sidecar["args"]
        for key, option in _OPTIONS.items():
            wanted = annotations.get(f"dapr.io/{key}")
            given = arguments[arguments.index(option) + 1] if option in arguments else None
            assert given == wanted, (app, option)
        assert arguments[arguments.index("--app-id") + 1] == app
        assert {"--enable-mtls", "--log-as-json", "--disable-builtin-k8s-secret-store"} <= {
            *arguments
        }
        (service,) = pod["spec"]["containers"]
        ports = {each["name"]: each.get("value") for each in service["env"]}
        assert ports["DAPR_HTTP_PORT"] == arguments[arguments.index("--dapr-http-port") + 1]


def test_a_sidecar_may_take_what_its_size_says(pods: list[Document]) -> None:
    wanted = settings.SIDECAR.resources()
    for app, _, sidecar in _sidecars(pods):
        for kind in ("requests", "limits"):
            assert _amounts(sidecar["resources"][kind]) == _amounts(wanted[kind]), (app, kind)
        assert _environment(sidecar)["GOMEMLIMIT"]["value"] == f"{settings.GO_MEMORY}MiB"


def test_a_sidecar_is_confined(pods: list[Document]) -> None:
    wanted = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    for app, pod, sidecar in _sidecars(pods):
        assert sidecar["securityContext"] == wanted, app
        assert pod["spec"]["securityContext"]["runAsUser"] == settings.USER


def test_a_sidecar_has_the_tokens_and_logins_of_its_service_only(pods: list[Document]) -> None:
    for app, pod, sidecar in _sidecars(pods):
        given = _environment(sidecar)
        for variable, secret in (("DAPR_API_TOKEN", "api-token"), ("APP_API_TOKEN", "app-token")):
            wanted = {"name": f"{app}-{secret}", "key": "token"}
            assert given[variable]["valueFrom"]["secretKeyRef"] == wanted
        for login in _listed(pod, "env-from-secret"):
            variable, _, reference = login.partition("=")
            secret, _, key = reference.partition(":")
            assert given[variable]["valueFrom"]["secretKeyRef"] == {"name": secret, "key": key}


def test_a_sidecar_mounts_what_its_service_names_and_a_token_for_sentry(
    pods: list[Document],
) -> None:
    """It has none for the API server."""
    for app, pod, sidecar in _sidecars(pods):
        mounts = {f"{each['name']}:{each['mountPath']}" for each in sidecar["volumeMounts"]}
        named = {*_listed(pod, "volume-mounts"), *_listed(pod, "volume-mounts-rw")}
        assert f"secrets:{SECRETS_FOLDER}" in named
        assert mounts - named == {f"{_TOKEN}:/var/run/secrets/dapr.io/sentrytoken"}, app
        (volume,) = [each for each in pod["spec"]["volumes"] if each["name"] == _TOKEN]
        (source,) = volume["projected"]["sources"]
        assert source["serviceAccountToken"]["audience"].endswith("/dapr-sentry")


def test_a_pod_with_an_impossible_app_id_is_refused(deployed: Deployed) -> None:
    answer = _create(deployed, {"dapr.io/enabled": "true", "dapr.io/app-id": "feed.v2"})
    assert answer.code != 0
    assert "denied the request: " in answer.text
    assert "feed.v2" in answer.text


def test_a_value_that_is_no_number_is_left_out_and_logged(deployed: Deployed) -> None:
    """So it would go unnoticed: the next test, and those of options, are for that."""
    wrong = {"dapr.io/enabled": "true", "dapr.io/app-id": "feed", "dapr.io/app-port": "http"}
    answer = _create(deployed, wrong)
    assert answer.code == 0, answer.text
    assert "daprd" in answer.text
    assert "--app-port" not in answer.text
    said = (deployed.cluster.folder / "dapr-sidecar-injector.log").read_text()
    assert "Failed to parse int value from annotation dapr.io/app-port" in said


def test_the_injector_knows_every_annotation(deployed: Deployed) -> None:
    source = programs.dapr_chart().parents[1] / "pkg/injector/annotations/annotations.go"
    known = set(re.findall(r'"(dapr\.io/[a-z0-9-]+)"', source.read_text()))
    for workload, template in workloads(overlay(deployed.overlay)):
        used = {
            key for key in template["metadata"].get("annotations", {}) if key.startswith("dapr.io/")
        }
        assert used <= known, (workload["metadata"]["name"], used - known)


def test_no_pod_starts_without_a_sidecar_while_the_injector_is_away(deployed: Deployed) -> None:
    given = {"dapr.io/enabled": "true", "dapr.io/app-id": "feed"}
    deployed.dapr.stop_injector()
    try:
        answer = _create(deployed, given)
        assert answer.code != 0
        assert "failed calling webhook" in answer.text
    finally:
        deployed.dapr.start_injector()
    until(lambda: _create(deployed, given).code == 0, "no pod starts", READY_SECONDS)


def test_other_sidecars_find_a_service_by_its_name(
    deployed: Deployed, pods: list[Document]
) -> None:
    """The operator makes a Service for each Deployment, which is the name that sidecars look up."""
    for app in read_access():
        service = deployed.cluster.get(*NAMESPACE_OPTION, "service", f"{app}-dapr")["spec"]
        ports = {each["name"]: each["port"] for each in service["ports"]}
        assert ports["dapr-internal"] == settings.INTERNAL_PORT
        (own,) = [each for each in pods if _name(each) == app][:1]
        assert service["selector"].items() <= own["metadata"]["labels"].items()


def test_the_operator_gives_a_sidecar_the_components_in_whose_scopes_it_is(
    deployed: Deployed,
) -> None:
    api = OperatorApi(deployed.cluster, f"{deployed.dapr.address('dapr-operator')}:443")
    components = of_kind(overlay(deployed.overlay), "Component")
    for app in read_access():
        wanted = {each["metadata"]["name"] for each in components if app in each["scopes"]}
        assert {each["metadata"]["name"] for each in api.components(app)} == wanted, app


def test_the_operator_gives_nothing_to_another_namespace(deployed: Deployed) -> None:
    api = OperatorApi(deployed.cluster, f"{deployed.dapr.address('dapr-operator')}:443")
    with pytest.raises(grpc.RpcError) as refused:
        api.components("feed", namespace="elsewhere")
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


def _create(deployed: Deployed, annotations: dict[str, str]) -> Any:
    """Try to create a pod, and return what came of it, with the pod as the server would keep it."""
    pod = restricted_pod()
    confined = {"dapr.io/sidecar-seccomp-profile-type": "RuntimeDefault"}
    pod["metadata"]["annotations"] = annotations | confined
    return deployed.cluster.try_kubectl(
        *("create", "--dry-run=server", "-o", "yaml", "-f", "-"), given=yaml.safe_dump(pod)
    )


def _name(pod: Document) -> str:
    found: str = pod["metadata"]["labels"]["app.kubernetes.io/name"]
    return found


def _sidecars(pods: list[Document]) -> Iterator[tuple[str, Document, Document]]:
    """Yield the service, the pod and the container of each sidecar."""
    for pod in pods:
        for each in [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]:
            if each["name"] == "daprd":
                yield _name(pod), pod, each


def _listed(pod: Document, key: str) -> list[str]:
    """Return the parts of an annotation that is a list."""
    value = pod["metadata"]["annotations"].get(f"dapr.io/{key}", "")
    return [each for each in value.split(",") if each]


def _environment(container: Document) -> dict[str, Document]:
    return {each["name"]: each for each in container["env"]}


def _amounts(given: dict[str, str]) -> dict[str, float]:
    """Return cores and MiB, however they are written."""
    cores = given["cpu"]
    parts = float(cores.removesuffix("m")) / (1000 if cores.endswith("m") else 1)
    return {"cpu": parts, "memory": float(given["memory"].removesuffix("Mi"))}
