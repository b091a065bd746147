import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.runner import saved_system
from tests.unit.runner.staged_system import Stage
from tools.runner.commands.backup import back_up
from tools.runner.config.paths import RunDir


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    run = RunDir(tmp_path / "run")
    run.create()
    return run


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a used system, `run`, and of its backup, `saved.tar`."""
    folder = tmp_path_factory.mktemp("saved")
    saved_system.fill(RunDir(folder / "run"))
    back_up(RunDir(folder / "run"), folder / "saved.tar", with_secrets=True)
    return folder


@pytest.fixture
def source(saved: Path, tmp_path: Path) -> RunDir:
    """A system that has been running."""
    shutil.copytree(saved / "run", tmp_path / "source")
    source = RunDir(tmp_path / "source")
    for path in source.components.glob("*/*.yaml"):
        path.write_text(path.read_text().replace(str(saved / "run"), str(source.path)))
    return source


@pytest.fixture
def file(saved: Path, tmp_path: Path) -> Path:
    """A backup of it, with the file of its secrets."""
    for path in saved.glob("saved.tar*"):
        shutil.copy2(path, tmp_path)
    return tmp_path / "saved.tar"


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunDir:
    """A place for a restore, which does not wait for the disks of the whole machine."""
    monkeypatch.setattr(os, "sync", lambda: None)
    return RunDir(tmp_path / "new")


@pytest.fixture
async def stage(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    stage = Stage(run, monkeypatch)
    yield stage
    await stage.system.stop()
