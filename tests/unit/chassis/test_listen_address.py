"""A service listens on loopback, or where MICROGRAM_LISTEN_ADDRESS says."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tools.runner.config.paths import REPO


@contextmanager
def service(**settings: str) -> Iterator[int]:
    """Run a service without a sidecar, and give its port."""
    with socket.socket() as free:
        free.bind(("", 0))
        port = int(free.getsockname()[1])
    env = os.environ | {"APP_ID": "comments", "APP_PORT": str(port), "MICROGRAM_INSECURE": "1"}
    command = [sys.executable, "-m", "services.comments"]
    process = subprocess.Popen(command, cwd=REPO, env=env | settings, stderr=subprocess.DEVNULL)
    try:
        yield port
    finally:
        process.kill()
        process.wait()


def answers(address: str, port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}:{port}/healthz", timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


def wait_for(address: str, port: int) -> None:
    deadline = time.monotonic() + 30
    while not answers(address, port):
        assert time.monotonic() < deadline, f"nothing answers at {address}:{port}"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("settings", "there", "elsewhere"),
    [
        ({}, "127.0.0.1", "127.0.0.2"),
        ({"MICROGRAM_LISTEN_ADDRESS": "127.0.0.2"}, "127.0.0.2", "127.0.0.1"),
        ({"MICROGRAM_LISTEN_ADDRESS": "0.0.0.0"}, "127.0.0.2", None),  # noqa: S104
    ],
)
def test_a_service_listens_where_it_is_told_to(
    settings: dict[str, str], there: str, elsewhere: str | None
) -> None:
    with service(**settings) as port:
        wait_for(there, port)
        assert elsewhere is None or not answers(elsewhere, port)
