"""Fixtures: one running system, one Chromium, and a browser context for each person."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.browser_user import BrowserUser
from tests.system import SETS, System, start_system

RUNNING = "MICROGRAM_SYSTEM"
"""The run directory of a running system, to save the start during development."""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed: on Debian, `apt-get install chromium` as root")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="package", params=SETS)
def system(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    """A running system on a component set."""
    components: str = request.param
    running = os.environ.get(RUNNING)
    if running is None:
        with start_system(components, tmp_path_factory.mktemp(f"web-{components}")) as system:
            yield system
        return
    salt = f"_{int(time.time()) % 100_000_000:x}"
    system = System(Path(running), tmp_path_factory.mktemp("homes"), salt)
    if system.components != components:
        pytest.skip(f"{running} is a system on {system.components}")
    yield system


@pytest.fixture
def open_browser(chromium: Browser, system: System) -> Iterator[Callable[..., BrowserUser]]:
    """Opens the browser of a person. At the end, nobody's console may hold an error."""
    people: list[BrowserUser] = []

    def opened(**options: object) -> BrowserUser:
        context = chromium.new_context(base_url=system.base, **options)  # type: ignore[arg-type]
        person = BrowserUser(system, context)
        people.append(person)
        return person

    yield opened
    faults = [fault for person in people for fault in person.faults]
    for person in people:
        person.context.close()
    assert not faults, "\n".join(faults)


@pytest.fixture
def ada(open_browser: Callable[..., BrowserUser]) -> BrowserUser:
    """A person who has just signed up."""
    return open_browser().sign_up("ada")


@pytest.fixture
def ben(open_browser: Callable[..., BrowserUser]) -> BrowserUser:
    """Another one."""
    return open_browser().sign_up("ben")
