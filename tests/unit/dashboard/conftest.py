from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tools.dashboard.settings import Settings
from tools.dashboard.sources import Sources
from tools.runner.config.paths import RunDir

TOKEN = "the-token-of-the-owner"
PORT = 18_090

JsonLine = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    """A run directory as the runner makes it, without a system."""
    found = RunDir(tmp_path / "run")
    found.create()
    return found


@pytest.fixture
def settings(run: RunDir) -> Settings:
    return Settings(run, PORT, TOKEN)


@pytest.fixture
def sources(settings: Settings) -> Sources:
    return Sources.create(settings)


def json_line(second: float, message: str, level: str = "info", **fields: Any) -> str:
    """A log line of a service, some seconds after noon."""
    time = f"2026-11-29T12:{int(second) // 60:02}:{second % 60:06.3f}Z"
    return json.dumps({"time": time, "level": level, "message": message, **fields}) + "\n"


def write_log(run: RunDir, name: str, *lines: str) -> Path:
    path = run.logs / name
    with path.open("a") as file:
        file.writelines(lines)
    return path
