"""The images: what is in them, and as whom they run."""

from __future__ import annotations

import json

import pytest

from services.chassis.security.access_rules import read_access
from tests.containers.engine import Engine
from tests.containers.images import DAPR, SERVICES

CONFINED = ("--rm", "--read-only", "--cap-drop=ALL", "--network=none")


@pytest.fixture(autouse=True)
def _built(servers: str) -> None:
    """Build the images first."""


@pytest.mark.parametrize("image", [SERVICES, DAPR])
def test_an_image_has_no_compiler_and_no_installer(engine: Engine, image: str) -> None:
    names = ("gcc", "cc", "g++", "make", "go", "pip", "pip3", "git", "curl", "wget")
    look = f"for name in {' '.join(names)}; do command -v $name && exit 1; done; exit 0"
    assert engine.podman("run", *CONFINED, image, "sh", "-c", look) == ""


@pytest.mark.parametrize("image", [SERVICES, DAPR])
def test_an_image_runs_as_a_user_that_owns_nothing_of_it(engine: Engine, image: str) -> None:
    assert engine.podman("run", *CONFINED, image, "id", "-u").strip() == "10001"
    owned = "find / -xdev -user 10001 -not -path '/var/lib/microgram/*' -not -path '/proc/*'"
    found = engine.podman("run", *CONFINED, image, "sh", "-c", f"{owned} 2>&1 || true").split()
    assert {path for path in found if path.startswith(("/app", "/opt"))} == set()


@pytest.mark.parametrize("service", sorted(read_access()))
def test_a_service_loads_on_a_read_only_root(engine: Engine, service: str) -> None:
    program = f"import services.{service}.app; print('loaded')"
    output = engine.podman("run", *CONFINED, SERVICES, "python", "-c", program)
    assert output.strip() == "loaded"


def test_tools_and_tests_are_not_in_the_image(engine: Engine) -> None:
    listed = engine.podman("run", *CONFINED, SERVICES, "ls", "/app", "/app/tools").split()
    assert {"services", "container"} <= {*listed}
    assert not {"tests", "runner", "bench", ".git"} & {*listed}


@pytest.mark.parametrize("image", [SERVICES, DAPR])
def test_an_image_says_what_it_is_and_how_to_check_it(engine: Engine, image: str) -> None:
    labels = json.loads(engine.podman("inspect", "--format", "{{json .Config.Labels}}", image))
    assert labels["org.opencontainers.image.title"].startswith("Microgram")
    check = engine.podman("inspect", "--format", "{{json .HealthCheck}}", image)
    assert "health.py" in check


def test_the_image_of_dapr_has_its_programs(engine: Engine) -> None:
    names = ("daprd", "placement", "scheduler", "sentry")
    look = " && ".join(f"command -v {name}" for name in names)
    found = engine.podman("run", *CONFINED, DAPR, "sh", "-c", look).split()
    assert found == [f"/usr/local/bin/{name}" for name in names]
