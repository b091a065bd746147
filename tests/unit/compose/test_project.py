"""The committed compose project is the generated one, and no container may more than it must."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.chassis.security.access_rules import read_access
from tools.compose.files import FOLDER, PROJECT, compose_files
from tools.runner.commands.compose import DEPLOY
from tools.runner.errors import RunnerError

ACCESS = read_access()
SETS = ("rabbitmq-redis", "redis-streams")
PUBLISHED = "127.0.0.1:${MICROGRAM_PORT:-8080}:8080"


@pytest.fixture(scope="module", params=SETS)
def project(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(compose_files(request.param)[PROJECT])
    return found


def containers(project: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = project["services"]
    assert len(found) > 3 * len(ACCESS)
    return found


def committed() -> list[Path]:
    found = [path for path in (DEPLOY / FOLDER).rglob("*") if path.is_file()]
    return [DEPLOY / PROJECT, *found]


def test_the_committed_files_are_the_generated_ones() -> None:
    files = compose_files("rabbitmq-redis")
    assert {str(path.relative_to(DEPLOY)) for path in committed()} == set(files)
    stale = [name for name, text in files.items() if (DEPLOY / name).read_text() != text]
    assert not stale, "run `./tye-like-run.sh compose --write`"


def test_every_container_is_confined(project: dict[str, Any]) -> None:
    for name, each in containers(project).items():
        assert each["read_only"] is True, name
        assert each["cap_drop"] == ["ALL"], name
        assert "cap_add" not in each, name
        assert each["security_opt"] == ["no-new-privileges:true"], name
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", each["user"]), name
        assert re.fullmatch(r"[1-9]\d*m", each["mem_limit"]), name
        assert 0 < each["pids_limit"] <= 512, name
        assert each["logging"]["options"]["max-size"], name
        assert not {"privileged", "pid", "ipc", "devices"} & each.keys(), name


def test_every_container_has_a_health_check_or_does_nothing(project: dict[str, Any]) -> None:
    for name, each in containers(project).items():
        if name.endswith("-network"):
            assert each["command"] == ["infinity"], name
        else:
            assert each["healthcheck"]["test"][0] == "CMD", name


def test_every_image_has_a_version(project: dict[str, Any]) -> None:
    for name, each in containers(project).items():
        default = re.fullmatch(r"\$\{\w+:-(.+)\}", each["image"])
        assert default, name
        assert re.search(r":\d[\w.]*$", default[1]), name


def test_only_the_gateway_is_published_and_only_on_loopback(project: dict[str, Any]) -> None:
    published = {
        name: each["ports"] for name, each in containers(project).items() if "ports" in each
    }
    assert published == {"gateway-network": [PUBLISHED]}
    outside = [
        name for name, each in containers(project).items() if "outside" in each.get("networks", ())
    ]
    assert outside == ["gateway-network"]
    assert project["networks"]["inside"] == {"internal": True}


def test_a_service_and_its_sidecar_share_a_network_that_outlives_both(
    project: dict[str, Any],
) -> None:
    for app in ACCESS:
        for name in (app, f"{app}-daprd"):
            assert containers(project)[name]["network_mode"] == f"service:{app}-network"
        assert "network_mode" not in containers(project)[f"{app}-network"]


def test_secrets_come_from_files_that_no_other_service_reads(project: dict[str, Any]) -> None:
    for app in ACCESS:
        for name in (app, f"{app}-daprd"):
            sources = {each["source"] for each in containers(project)[name]["secrets"]}
            assert {source.partition(".")[0] for source in sources} == {app}
    for name, secret in project["secrets"].items():
        assert secret == {"file": f"${{MICROGRAM_SECRETS:-./secrets}}/{name}"}
    words = re.compile(r"password|token|secret|key", re.IGNORECASE)
    for each in containers(project).values():
        named = {
            key: value for key, value in each.get("environment", {}).items() if words.search(key)
        }
        assert all(str(value).startswith("/run/secrets/") for value in named.values()), named


def test_what_a_container_waits_for_exists(project: dict[str, Any]) -> None:
    for name, each in containers(project).items():
        assert each.get("depends_on", {}).keys() <= containers(project).keys(), name
        mounts = {mount.partition(":")[0] for mount in each.get("volumes", ())}
        for mount in mounts:
            if mount.startswith("./"):
                assert (DEPLOY / mount).exists(), mount
            else:
                assert mount in project["volumes"], mount


def test_only_sidecars_with_workflows_know_placement_and_scheduler(project: dict[str, Any]) -> None:
    told = {
        name
        for name, each in containers(project).items()
        if any("scheduler-host-address" in str(part) for part in each["command"])
    }
    assert told == {f"{app}-daprd" for app, own in ACCESS.items() if "workflows" in own.apis}


def test_every_component_has_scopes_and_reads_secrets_from_the_store() -> None:
    found = 0
    for path in (DEPLOY / FOLDER / "components").iterdir():
        document = yaml.safe_load(path.read_text())
        if document["kind"] != "Component":
            continue
        found += 1
        assert document["scopes"], path.name
        assert set(document["scopes"]) <= ACCESS.keys(), path.name
        for item in document["spec"].get("metadata") or ():
            is_login = re.search(r"password|connectionString", item["name"])
            assert not is_login or "secretKeyRef" in item, path.name
    assert found == 7


def test_every_sidecar_refuses_whom_access_yaml_does_not_name() -> None:
    for app in ACCESS:
        spec = yaml.safe_load((DEPLOY / FOLDER / f"config/{app}.yaml").read_text())["spec"]
        assert spec["accessControl"]["defaultAction"] == "deny"
        assert spec["secrets"]["scopes"][0]["defaultAccess"] == "deny"
        assert spec["nameResolution"]["configuration"]["connectionString"].startswith("/var/lib/")


def test_no_file_names_a_path_or_address_of_a_local_run() -> None:
    for path in committed():
        assert not re.search(r"\.run/|localhost:\d", path.read_text()), path


def test_a_set_with_unknown_servers_is_refused() -> None:
    with pytest.raises(RunnerError, match=r'"embedded" needs nats.*rabbitmq and redis'):
        compose_files("embedded")


def test_a_set_with_secrets_in_the_environment_is_refused() -> None:
    with pytest.raises(RunnerError, match="the compose project gives them as files"):
        compose_files("environment-secrets")


def test_the_containerfile_takes_versions_only() -> None:
    text = (DEPLOY / "Containerfile").read_text()
    assert not re.search(r":latest|^FROM \S+/\S+$", text, re.MULTILINE)
    pinned = (Path(__file__).parents[3] / "tools/dapr/go.mod").read_text()
    version = re.search(r"github.com/dapr/dapr v(\S+)", pinned)
    assert version
    assert f"daprio/dapr:{version[1]}\n" in text
