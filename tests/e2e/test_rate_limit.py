"""Rate limits: too many requests are refused with a time to retry."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
import requests

from tests.system import LoggedInUser, System, wait_until
from tests.system.system import REPO


@contextmanager
def a_gateway(system: System, *, beside: str = "gateway", **limits: str) -> Iterator[str]:
    """Start another gateway with low limits; yield its address.

    It shares the sidecar of the one `beside` it.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    row, tokens = system.ps()[beside], system.tokens(beside)
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
        # A window of its own, so that what the other gateways count is none of its business.
        "MICROGRAM_LIMIT_WINDOW": "86400",
        "MICROGRAM_LIMIT_MEDIA_WINDOW": "86400",
        "MICROGRAM_RUN_ID": str(system.run_dir),  # so that `down` would end it too
        **limits,
    }
    log = (system.run_dir / "logs" / f"gateway-{port}.log").open("wb")
    command = [sys.executable, "-m", "services.gateway"]
    with log, subprocess.Popen(command, cwd=REPO, env=env, stdout=log, stderr=log) as process:
        address = f"http://127.0.0.1:{port}"

        def up() -> bool:
            try:
                return requests.get(f"{address}/readyz", timeout=1).ok
            except requests.RequestException:
                return False

        try:
            wait_until(up)
            yield address
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def strict(system: System) -> Iterator[str]:
    """A gateway with low limits."""
    with a_gateway(system) as address:
        yield address


def used(address: str, person: LoggedInUser) -> int:
    """Return the number of requests of a user that a gateway has counted, including this one."""
    answer = person.http.get(f"{address}/api/v1/custom_emojis", timeout=60)
    return int(answer.headers["X-RateLimit-Limit"]) - int(answer.headers["X-RateLimit-Remaining"])


def test_replicas_share_what_they_count_and_a_restart_lifts_nothing(
    system: System, anna: LoggedInUser
) -> None:
    limits = {"MICROGRAM_LIMIT_USER": "10000", "MICROGRAM_LIMIT_WINDOW": "80000"}
    with a_gateway(system, **limits) as other:
        with a_gateway(system, **limits) as one:
            highest = max(used(one, anna) for _ in range(300))
            wait_until(lambda: used(other, anna) > highest)
        last = used(other, anna)
    with a_gateway(system, **limits) as restarted:
        wait_until(lambda: used(restarted, anna) > last)


def test_what_one_replica_has_counted_the_other_refuses(
    system: System, anna: LoggedInUser, ben: LoggedInUser
) -> None:
    replica = "gateway.2"
    if replica not in system.ps():
        pytest.skip("this system has one gateway")
    limit = 200
    limits = {"MICROGRAM_LIMIT_USER": str(limit), "MICROGRAM_LIMIT_WINDOW": "70000"}
    with a_gateway(system, **limits) as one, a_gateway(system, beside=replica, **limits) as other:
        while used(one, anna) < limit:
            pass
        asked = 0

        def refused() -> bool:
            nonlocal asked
            asked += 1
            return anna.http.get(f"{other}/api/v1/custom_emojis", timeout=60).status_code == 429

        wait_until(refused)
        assert asked < limit
        assert used(other, ben) == 1


def test_the_replicas_of_a_system_share_what_they_count(system: System, anna: LoggedInUser) -> None:
    rows = [row for row in system.ps().values() if row.app_id == "gateway"]
    if len(rows) < 2:
        pytest.skip("this system has one gateway")
    one, other = (row.address for row in rows[:2])
    asked = count(1)

    def knows_of_the_others() -> bool:
        used(one, anna)
        return used(other, anna) > next(asked)

    wait_until(knows_of_the_others)


def test_a_burst_is_refused_beyond_the_limit_with_a_time_to_retry(
    strict: str, anna: LoggedInUser, ben: LoggedInUser
) -> None:
    answers = [anna.http.get(f"{strict}/api/v1/timelines/home", timeout=60) for _ in range(12)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 2
    remaining = [int(answer.headers["X-RateLimit-Remaining"]) for answer in answers]
    assert remaining == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0]
    refused = answers[-1]
    assert refused.headers["X-RateLimit-Limit"] == "10"
    reset = datetime.fromisoformat(refused.headers["X-RateLimit-Reset"])
    now = datetime.now(UTC)
    assert now < reset < now + timedelta(days=1, seconds=10)
    assert refused.json()["error"]
    assert ben.http.get(f"{strict}/api/v1/timelines/home", timeout=60).status_code == 200


def test_a_post_beyond_the_limit_is_not_made(strict: str, anna: LoggedInUser) -> None:
    url = f"{strict}/api/v1/statuses"
    made = [
        anna.http.post(url, json={"status": f"post {n}"}, timeout=60).status_code for n in range(12)
    ]
    assert made.count(200) == 10
    anna.wait_for_posts(10)


def test_uploads_have_a_limit_of_their_own(strict: str, anna: LoggedInUser, picture: Path) -> None:
    def upload() -> int:
        with picture.open("rb") as file:
            url = f"{strict}/api/v2/media"
            return anna.http.post(url, files={"file": file}, timeout=60).status_code

    assert [upload() for _ in range(3)] == [200, 200, 429]
    assert anna.http.get(f"{strict}/api/v1/timelines/home", timeout=60).status_code == 200


def test_who_has_no_token_is_counted_by_address(strict: str) -> None:
    url = f"{strict}/api/v1/instance"
    codes = [requests.get(url, timeout=60).status_code for _ in range(20)]
    assert codes[0] == 200
    assert codes[-1] == 429


def test_health_is_never_refused(strict: str) -> None:
    codes = {requests.get(f"{strict}/healthz", timeout=60).status_code for _ in range(20)}
    assert codes == {200}
