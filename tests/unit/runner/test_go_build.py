"""Programs are built once, atomically, and while modules of others are downloaded."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tools.runner.errors import RunnerError
from tools.runner.infra import go_build
from tools.runner.infra.go_build import GoProgram
from tools.runner.output import progress

FAKE_GO = """#!/bin/sh
# each step says that it has begun; it ends after the step that the file STEP-PACKAGE.after names
cd "$FAKE_GO"
for package; do :; done
touch "$1-$package"
awaited=$(cat "$1-$package.after" 2>/dev/null || echo "$1-$package")
until [ -e "$awaited" ]; do sleep 0.01; done
case "$1" in
  version) echo "go version go99.9 linux/amd64" ;;
  list) echo "go: downloading a v1" >&2; echo x; echo y; echo z; sleep 0.4 ;;
  build)
    echo x >&2; echo y >&2; sleep 0.4
    [ "$package" != broken ] || exit 1
    while [ "$1" != -o ]; do shift; done; echo "$package" > "$2" ;;
esac
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a `go` on PATH, which follows the files in there."""
    (tmp_path / "go").write_text(FAKE_GO)
    (tmp_path / "go").chmod(0o755)
    monkeypatch.setenv("FAKE_GO", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(progress, "REPORT_INTERVAL", 0.2)
    return tmp_path


def build(machine: Path, *names: str) -> list[Path]:
    cache = machine / "cache"
    programs = [GoProgram(name, name, cache / "bin" / name) for name in names]
    go_build.build(programs, cache, "1.2.3")
    return [program.target for program in programs]


def test_downloads_and_compilation_are_reported(
    machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [path.read_text() for path in build(machine, "a")] == ["a\n"]
    printed = capsys.readouterr().err
    assert printed.startswith("setting up a …\n")
    downloading = (
        r"^setting up a: downloading modules of a \(1 of at most \d+ modules\), \d s so far$"
    )
    assert re.search(downloading, printed, re.MULTILINE)
    building = r"^setting up a: building a \(2 of at most 3 packages\), \d s so far$"
    assert re.search(building, printed, re.MULTILINE)


def test_a_program_is_compiled_while_the_modules_of_the_next_one_are_downloaded(
    machine: Path,
) -> None:
    (machine / "build-a.after").write_text("list-b")
    (machine / "list-b.after").write_text("build-a")
    assert all(path.exists() for path in build(machine, "a", "b"))


def test_a_failed_build_leaves_what_was_finished_and_nothing_invalid(machine: Path) -> None:
    with pytest.raises(RunnerError, match=r"(?s)^building broken failed:.*run the same command"):
        build(machine, "a", "broken")
    assert [path.name for path in (machine / "cache" / "bin").iterdir()] == ["a"]
    (machine / "build-a").unlink()
    build(machine, "a")
    assert not (machine / "build-a").exists(), "what exists is not built again"


def test_a_program_can_be_called_by_other_names_once_it_is_built(machine: Path) -> None:
    folder = machine / "cache" / "bin"
    (folder / "one").mkdir(parents=True)
    (folder / "one" / "b").symlink_to("what an interrupted build left")
    program = GoProgram("a", "a", folder / "one" / "a", links=("b", "c"))
    go_build.build([program], machine / "cache", "1.2.3")
    assert [(folder / "one" / name).read_text() for name in "abc"] == ["a\n"] * 3
