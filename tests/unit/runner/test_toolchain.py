"""Which daprd sidecars run, and what the lean one can do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tools.runner.commands import checks, start
from tools.runner.config.components import load_set, set_names
from tools.runner.config.paths import REPO, RunDir
from tools.runner.config.start_plan import StartPlan
from tools.runner.errors import RunnerError
from tools.runner.infra import component_types, debian, go_build, toolchain

OFFICIAL = "#!/bin/sh\necho {}\n"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user without programs and caches."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.delenv("MICROGRAM_DAPRD", raising=False)
    _forget()
    yield tmp_path
    _forget()


def _forget() -> None:
    toolchain._installed.cache_clear()
    toolchain._own_key.cache_clear()


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The packages that would be built, with empty programs as their results."""
    packages: list[str] = []

    def build(programs: list[go_build.GoProgram], *_: object) -> None:
        for program in programs:
            packages.append(program.package)
            for name in (program.target.name, *program.links):
                _program(program.target.with_name(name))

    monkeypatch.setattr(go_build, "build", build)
    return packages


def _program(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def _installed(home: Path, version: str) -> Path:
    return _program(home / ".dapr" / "bin" / "daprd", OFFICIAL.format(version))


def test_the_lean_daprd_is_built_once_also_beside_an_official_one_of_an_earlier_release(
    built: list[str],
) -> None:
    _program(toolchain.cache_dir() / "bin" / "daprd")
    assert toolchain.uses_lean_daprd()
    first = toolchain.require_tool("daprd")
    assert toolchain.require_tool("daprd") == first
    assert built == ["./daprd"]


def test_the_servers_of_dapr_are_one_program_by_several_names(built: list[str]) -> None:
    toolchain.require_tools(toolchain.CONTROL_PLANE_NAMES)
    assert built == ["./controlplane"]
    paths = [toolchain.require_tool(name) for name in toolchain.CONTROL_PLANE_NAMES]
    assert [path.name for path in paths] == [*toolchain.CONTROL_PLANE_NAMES]
    assert len({path.parent for path in paths}) == 1


def test_its_key_changes_with_its_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, built: list[str]
) -> None:
    first = toolchain.require_tool("daprd")
    module = tmp_path / "module"
    (module / "daprd").mkdir(parents=True)
    (module / "go.mod").write_text((REPO / "tools" / "dapr" / "go.mod").read_text())
    (module / "daprd" / "main.go").write_text("package main // another one")
    monkeypatch.setattr(toolchain, "MODULE", module)
    toolchain._own_key.cache_clear()
    assert toolchain.require_tool("daprd") != first
    assert built == ["./daprd", "./daprd"]


def test_an_installed_daprd_of_the_pinned_minor_version_is_used_in_place_of_a_build(
    home: Path, built: list[str]
) -> None:
    minor = toolchain.version().rpartition(".")[0]
    installed = _installed(home, f"{minor}.77")
    assert toolchain.require_tool("daprd") == installed
    assert not toolchain.uses_lean_daprd()
    assert built == []


def test_an_installed_daprd_of_another_version_is_not_used(home: Path, built: list[str]) -> None:
    _installed(home, "1.2.3")
    assert toolchain.uses_lean_daprd()
    toolchain.require_tool("daprd")
    assert built == ["./daprd"]


def test_the_lean_daprd_is_used_where_it_was_built_before_an_official_one_was_installed(
    home: Path, built: list[str]
) -> None:
    lean = toolchain.require_tool("daprd")
    _installed(home, toolchain.version())
    toolchain._installed.cache_clear()
    assert toolchain.require_tool("daprd") == lean
    assert toolchain.uses_lean_daprd()


def test_microgram_daprd_asks_for_the_official_one(
    home: Path, built: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    toolchain.require_tool("daprd")
    monkeypatch.setenv("MICROGRAM_DAPRD", "all")
    assert not toolchain.uses_lean_daprd()
    assert toolchain.require_tool("daprd") == toolchain.cache_dir() / "bin" / "daprd"
    assert built == ["./daprd", "github.com/dapr/dapr/cmd/daprd"]
    monkeypatch.setenv("MICROGRAM_DAPRD", "lean")
    with pytest.raises(RunnerError, match='MICROGRAM_DAPRD is "lean"; it may be "all"'):
        toolchain.require_tool("daprd")


@pytest.mark.parametrize("name", set_names())
def test_each_set_has_a_daprd_of_ours_and_default_sets_the_lean_one(name: str) -> None:
    chosen = component_types.choose_daprd(name, load_set(name))
    is_lean = name in ("embedded", "environment-secrets", "rabbitmq-redis", "redis-streams")
    assert chosen == ("daprd" if is_lean else toolchain.WIDE)


def test_the_wide_daprd_is_built_for_a_set_that_needs_it_also_beside_an_official_one(
    home: Path, built: list[str], run: RunDir
) -> None:
    _installed(home, toolchain.version())
    start.prepare(StartPlan(run, components="mqtt-sqlite"))
    assert "./daprd" in built
    wide = toolchain.require_tool(toolchain.WIDE)
    assert wide.parent.name.startswith("wide-")
    assert toolchain.require_tool("daprd") != wide


def test_the_official_daprd_is_refused_where_ours_corrects_its_components(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MICROGRAM_DAPRD", "all")
    with pytest.raises(RunnerError, match=r"needs state\.mysql.*without MICROGRAM_DAPRD"):
        component_types.choose_daprd("rabbitmq-mariadb", load_set("rabbitmq-mariadb"))
    pictures = component("bindings.aws.s3")
    assert component_types.choose_daprd("own", [*load_set("embedded"), pictures]) == "daprd"


def component(kind: str, version: str = "v1") -> dict[str, Any]:
    spec = {"type": kind, "version": version}
    return {"kind": "Component", "metadata": {"name": "some"}, "spec": spec}


def test_a_set_with_another_component_is_refused_before_anything_is_built(
    run: RunDir, built: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "load_set", lambda *_: [component("pubsub.pulsar")])
    with pytest.raises(RunnerError, match=r"needs pubsub\.pulsar.*(?s:.*)MICROGRAM_DAPRD=all"):
        start.prepare(StartPlan(run))
    assert built == []
    monkeypatch.setenv("MICROGRAM_DAPRD", "all")
    start.prepare(StartPlan(run))
    assert "github.com/dapr/dapr/cmd/daprd" in built


def test_a_type_is_known_in_its_version_and_in_any_case() -> None:
    known = [component("state.Redis"), component("state.redis", ""), component("state.redis", "v0")]
    component_types.choose_daprd("set", [*known, {"kind": "Resiliency", "spec": {}}])
    with pytest.raises(RunnerError, match=r"needs state\.redis/v2, which"):
        component_types.choose_daprd("set", [component("state.redis", "v2")])


def test_a_pluggable_component_is_not_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAPR_COMPONENTS_SOCKETS_FOLDER", str(tmp_path))
    (tmp_path / "own.sock").touch()
    component_types.choose_daprd("set", [component("state.own")])


def test_the_contract_tests_run_on_the_official_daprd_by_a_verb(
    built: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MICROGRAM_DAPRD", "")  # which the verb changes: restored at the end
    called: list[list[str]] = []

    def call(command: list[str]) -> int:
        called.append(command)
        return 0

    monkeypatch.setattr(checks, "_call", call)
    assert checks.test_official_daprd(["-x"]) == 0
    ((*_, last),) = called
    assert (last, "tests/contract" in called[0]) == ("-x", True)
    assert checks._environment()["MICROGRAM_DAPRD"] == "all"
    assert "github.com/dapr/dapr/cmd/daprd" in built


@pytest.mark.parametrize(
    ("arguments", "whole"),
    [
        (["tests/browser/test_home.py::test_x"], False),
        (["tests/browser/test_home.py", "-x"], False),
        (["-k", "bench"], True),  # a folder, but not of tests
        ([], True),
    ],
)
def test_a_verb_runs_its_whole_suite_unless_tests_are_named(
    arguments: list[str], whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[list[str]] = []

    def call(command: list[str]) -> int:
        called.append(command)
        return 0

    monkeypatch.setattr(checks, "_call", call)
    monkeypatch.setattr(checks, "_set_up_tools", lambda: (0, ""))
    monkeypatch.setattr(debian, "can_install", lambda: False)
    monkeypatch.chdir(REPO)
    for verb in (checks.test_browser, checks.test_backup, checks.test_learn, checks.test_scaffold):
        assert verb(arguments) == 0
    suites = ["tests/browser", "tests/backup", "tests/learn", "tests/scaffold"]
    assert [suite in command for suite, command in zip(suites, called, strict=True)] == [whole] * 4


def test_no_test_is_run_without_tools(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MICROGRAM_DAPRD", "")

    def fail(*_: object) -> None:
        raise RunnerError("no network")

    monkeypatch.setattr(go_build, "build", fail)
    assert checks.test_official_daprd([]) == 1
    assert "set-up of the tools FAILED:\nno network" in capsys.readouterr().out
