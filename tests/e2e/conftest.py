"""Fixtures: one running system for all end-to-end tests of a component set."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.fault_points import EVENT_DELAY, FAULT_INJECTION_ENV
from tests.e2e import pictures
from tests.system import SETS, LoggedInUser, System, start_system
from tests.system.checked_session import CheckedSession

RUNNING = "MICROGRAM_SYSTEM"
"""The run directory of a running system, to save the start during development."""


@pytest.fixture(scope="package", params=SETS)
def system(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    components: str = request.param
    folder = tmp_path_factory.mktemp(f"e2e-{components}")
    running = os.environ.get(RUNNING)
    if running is None:
        env = FAULT_INJECTION_ENV if os.environ.get(EVENT_DELAY) else {}
        with start_system(components, folder, env=env, replicas="gateway=2") as system:
            yield system
        return
    salt = f"_{int(time.time()) % 100_000_000:x}"
    system = System(Path(running), folder / "homes", salt)
    if system.components != components:
        pytest.skip(f"{running} is a system on {system.components}")
    yield system


@pytest.fixture
def someone(system: System) -> Callable[[str], LoggedInUser]:
    """Registers users."""
    return system.register


@pytest.fixture
def anna(someone: Callable[[str], LoggedInUser]) -> LoggedInUser:
    return someone("anna")


@pytest.fixture
def ben(someone: Callable[[str], LoggedInUser]) -> LoggedInUser:
    return someone("ben")


@pytest.fixture
def session() -> CheckedSession:
    """A plain HTTP session without a user that checks every response."""
    return CheckedSession()


@pytest.fixture(scope="package")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Camera photos if available, else generated ones; all with metadata."""
    return pictures.photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="package")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small picture."""
    path = tmp_path_factory.mktemp("pictures") / "small.jpg"
    path.write_bytes(pictures.jpeg(size=(64, 48)))
    return path


def snapshot(person: LoggedInUser) -> dict[str, Any]:
    """The state of a user that bad input could change."""
    reads = {
        "me": "/api/v1/accounts/verify_credentials",
        "posts": f"/api/v1/accounts/{person.id}/statuses",
        "favourites": "/api/v1/favourites",
        "bookmarks": "/api/v1/bookmarks",
        "following": f"/api/v1/accounts/{person.id}/following",
        "blocks": "/api/v1/blocks",
    }
    return {name: person.call("GET", path).json() for name, path in reads.items()}


@pytest.fixture(scope="module")
def victim(system: System) -> LoggedInUser:
    """A user that no bad input changes; all these tests share it."""
    person = system.register("victim")
    person.client.status_post("before")
    person.wait_for_posts(1)
    return person


@pytest.fixture
def unchanged(victim: LoggedInUser) -> Iterator[None]:
    before = snapshot(victim)
    yield
    assert snapshot(victim) == before
