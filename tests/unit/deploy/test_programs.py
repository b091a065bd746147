"""The programs of `test --kubernetes` belong together."""

import re
import shutil

import pytest

from tools.kubernetes import programs
from tools.runner.commands import checks
from tools.runner.config.paths import REPO
from tools.runner.errors import RunnerError
from tools.runner.infra import toolchain


def test_daprs_servers_are_of_the_version_of_its_sidecars() -> None:
    text = (REPO / "tools/kubernetes/programs/dapr/go.mod").read_text()
    assert f"github.com/dapr/dapr {programs.dapr_version()} " in text


def test_without_kubectl_nothing_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(checks, "_own_network", list)
    monkeypatch.setattr(toolchain, "require_tools", built.extend)
    monkeypatch.setattr(programs, "require_all", lambda: built.append("all"))
    with pytest.raises(RunnerError, match=rf"kubectl is missing.* {programs.version()} on PATH"):
        checks.test_kubernetes([])
    assert built == []


@pytest.mark.parametrize("name", programs.NAMES)
def test_a_program_is_in_the_module_that_pins_it(name: str) -> None:
    module, package = programs.NAMES[name]
    text = (REPO / "tools/kubernetes/programs" / module / "go.mod").read_text()
    assert re.search(rf"^(tool )?\t?{re.escape(package)}$", text, re.MULTILINE)


def test_a_program_has_another_place_when_its_module_changes() -> None:
    assert programs.program("helm").parent != programs.program("kwok").parent
    assert programs.program("injector").parent == programs.program("operator").parent
