"""The image runs with what the manifests of Kubernetes give each service, and ends as they ask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from services.chassis.security.access_rules import read_access
from tests.containers import images
from tests.containers.engine import Engine
from tests.containers.pods import Pod, pod_of
from tests.system.waiting import wait_until

_SETTINGS = {"MICROGRAM_PUBLIC_URL": "https://microgram.example.org"}
_SECRETS = {"token": "of-this-test-and-long-enough-for-a-token"}
_ASK = ("python3", "/app/tools/container/health.py")


@pytest.fixture
def name(engine: Engine) -> Iterator[str]:
    """The name of a container that is removed at the end."""
    name = "microgram-pod"
    yield name
    engine.podman("rm", "--force", "--ignore", "--time=0", name)


@pytest.mark.usefixtures("servers")
@pytest.mark.parametrize("app", sorted(read_access()))
def test_a_service_starts_and_ends_with_the_rights_of_its_pod(
    engine: Engine, name: str, app: str
) -> None:
    """Without a sidecar, so it lives and is not ready."""
    pod = pod_of(f"base/services/{app}.yaml", "Deployment", app)
    (container,) = pod["containers"]
    Pod(engine, images.SERVICES, pod, {}, _SECRETS).start(name, "--network=none", env=_SETTINGS)
    wait_until(lambda: engine.podman("exec", name, *_ASK, _url(container, "startupProbe")) == "")
    with pytest.raises(AssertionError):
        engine.podman("exec", name, *_ASK, _url(container, "readinessProbe"))
    grace = pod["terminationGracePeriodSeconds"]
    engine.podman("stop", f"--time={grace}", name)
    assert engine.podman("inspect", "--format", "{{.State.ExitCode}}", name).strip() == "0"


def _url(container: dict[str, Any], probe: str) -> str:
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    asked = container[probe]["httpGet"]
    return f"http://127.0.0.1:{ports[asked['port']]}{asked['path']}"
