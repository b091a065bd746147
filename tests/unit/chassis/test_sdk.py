"""The private names of the Dapr SDK that are used, against the release that is installed."""

from __future__ import annotations

import inspect
from importlib.metadata import version
from pathlib import Path

import pytest

from services.chassis.workflows import sdk

SERVICES = Path(__file__).parents[3] / "services"


@pytest.mark.parametrize("package", ["dapr", "dapr-ext-workflow"])
def test_the_installed_release_is_the_one_that_was_checked(package: str) -> None:
    assert version(package) == sdk.CHECKED_RELEASE, (
        f"{package} {version(package)} is installed: check services/chassis/workflows/sdk.py "
        "against it, run tests/contract, and change CHECKED_RELEASE."
    )


def test_the_private_names_exist() -> None:
    from dapr.ext.workflow.aio import DaprWorkflowClient

    assert issubclass(sdk.task_failed_error(), Exception)
    assert "__obj" in inspect.getsource(DaprWorkflowClient)
    client = DaprWorkflowClient("127.0.0.1", "1")
    sdk.add_interceptor(client, "mine")
    assert client._DaprWorkflowClient__obj._interceptors[-1] == "mine"  # type: ignore[attr-defined]


def test_no_other_module_uses_private_names_of_the_sdk() -> None:
    found = [
        path.name
        for path in SERVICES.rglob("*.py")
        if "_durabletask" in (text := path.read_text()) or "_DaprWorkflowClient__" in text
    ]
    assert found == ["sdk.py"]
