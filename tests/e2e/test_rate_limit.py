"""Who asks too often is told so, and when to come back."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from tests.system import Person, System, wait_until
from tests.system.running import REPO


@pytest.fixture(scope="module")
def strict(system: System) -> Iterator[str]:
    """The address of a second gateway, beside the same sidecar, with limits that are soon met."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    row, tokens = system.ps()["gateway"], system.tokens("gateway")
    env = os.environ | {
        "APP_ID": "gateway",
        "APP_PORT": str(port),
        "DAPR_HTTP_PORT": str(row.sidecar_port),
        "DAPR_API_TOKEN": tokens.sidecar,
        "APP_API_TOKEN": tokens.app,
        "MICROGRAM_PUBLIC_URL": system.base,
        "MICROGRAM_LIMIT_USER": "10",
        "MICROGRAM_LIMIT_ADDRESS": "15",
        "MICROGRAM_LIMIT_MEDIA": "2",
        "MICROGRAM_LIMIT_WINDOW": "300",
        "MICROGRAM_RUN_ID": str(system.run_dir),  # so that `down` would end it too
    }
    log = (system.run_dir / "logs" / "strict-gateway.log").open("wb")
    command = [sys.executable, "-m", "services.gateway"]
    with log, subprocess.Popen(command, cwd=REPO, env=env, stdout=log, stderr=log) as process:
        address = f"http://127.0.0.1:{port}"

        def up() -> bool:
            try:
                return requests.get(f"{address}/readyz", timeout=1).ok
            except requests.ConnectionError:
                return False

        try:
            wait_until(up, 20)
            yield address
        finally:
            process.terminate()


def test_a_burst_is_refused_beyond_the_limit_and_told_when_to_come_back(
    strict: str, anna: Person, ben: Person
) -> None:
    answers = [anna.http.get(f"{strict}/api/v1/timelines/home", timeout=10) for _ in range(12)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 2
    remaining = [int(answer.headers["X-RateLimit-Remaining"]) for answer in answers]
    assert remaining == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0]
    refused = answers[-1]
    assert refused.headers["X-RateLimit-Limit"] == "10"
    reset = datetime.fromisoformat(refused.headers["X-RateLimit-Reset"])
    now = datetime.now(UTC)
    assert now < reset < now + timedelta(seconds=310)
    assert refused.json()["error"]
    assert ben.http.get(f"{strict}/api/v1/timelines/home", timeout=10).status_code == 200


def test_a_post_beyond_the_limit_is_not_made(strict: str, anna: Person) -> None:
    url = f"{strict}/api/v1/statuses"
    made = [
        anna.http.post(url, json={"status": f"post {n}"}, timeout=10).status_code for n in range(12)
    ]
    assert made.count(200) == 10
    wait_until(lambda: anna.client.me().statuses_count == 10)
    assert len(anna.client.account_statuses(anna.id)) == 10


def test_uploads_have_a_limit_of_their_own(strict: str, anna: Person, picture: Path) -> None:
    def upload() -> int:
        with picture.open("rb") as file:
            url = f"{strict}/api/v2/media"
            return anna.http.post(url, files={"file": file}, timeout=30).status_code

    assert [upload() for _ in range(3)] == [200, 200, 429]
    assert anna.http.get(f"{strict}/api/v1/timelines/home", timeout=10).status_code == 200


def test_who_has_no_token_is_counted_by_address(strict: str) -> None:
    url = f"{strict}/api/v1/instance"
    codes = [requests.get(url, timeout=10).status_code for _ in range(20)]
    assert codes[0] == 200
    assert codes[-1] == 429


def test_health_is_never_refused(strict: str) -> None:
    codes = {requests.get(f"{strict}/healthz", timeout=10).status_code for _ in range(20)}
    assert codes == {200}
