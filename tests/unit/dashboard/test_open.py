from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.system.waiting import wait_until
from tests.unit.dashboard.conftest import json_line, write_log
from tools.dashboard.archive import write_archive
from tools.dashboard.settings import Settings
from tools.dashboard.sources import Sources
from tools.runner.config.paths import REPO

NOTHING = {
    "resources": {
        "run_dir": "",
        "is_running": True,
        "components": "embedded",
        "gateway": "",
        "resources": [],
        "replicas": {},
    },
    "components": [],
    "subscriptions": [],
    "dead_letters": {"letters": [], "unreachable": {}},
    "workflows": [],
}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_export_is_served_until_a_signal_and_leaves_nothing(
    settings: Settings, tmp_path: Path, number: signal.Signals
) -> None:
    write_log(settings.run, "posts.log", json_line(1, "saved"))
    write_archive(Sources.create(settings), NOTHING, tmp_path / "run.zip")
    (tmp_path / "temporary").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.runner", "dashboard", "--open", str(tmp_path / "run.zip")],
        cwd=REPO,
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        address, _, token = process.stdout.readline().split()[3].partition("?token=")
        headers = {"authorization": f"Bearer {token}"}

        def logs() -> str:
            return requests.get(f"{address}api/logs", headers=headers, timeout=120).text

        assert '"message":"saved"' in wait_until(logs)
        process.send_signal(number)
        process.wait(120)
    finally:
        process.kill()
        process.communicate()
    assert not list((tmp_path / "temporary").iterdir())
