"""The guest `insights` beside the services: what people do shows up under their own profile."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import RUNNING
from tests.system import LoggedInUser, System, start_system
from tests.system.browser import WebBrowser
from tests.system.shopping import await_final_state, buy, create_product
from tests.system.users import PASSWORD
from tests.system.waiting import wait_until

pytestmark = pytest.mark.skipif(shutil.which("npm") is None, reason="there is no Node and npm")


@pytest.fixture(scope="module")
def with_guest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("insights")
    if running := os.environ.get(RUNNING):
        system = System(Path(running), folder / "homes", f"_{os.getpid()}")
        if "insights" not in system.ps():
            pytest.skip(f"{running} runs without --guest insights=ts")
        yield system
        return
    with start_system("embedded", folder, options=("--guest", "insights=ts")) as system:
        yield system


def log_in(browser: WebBrowser, person: LoggedInUser) -> None:
    page = browser.open(f"{person.base}/login")
    form = next(each for each in page.forms if each.asks_for("password"))
    browser.submit(page, form, {"login": person.name, "password": PASSWORD})


def page_of(browser: WebBrowser, person: LoggedInUser) -> str:
    return browser.open(f"{person.base}/@{person.name}").text


def archived(person: LoggedInUser) -> list[dict[str, Any]]:
    """What the archive of a user says of insights."""

    def ready() -> dict[str, Any]:
        answer = person.call("GET", "/api/v1/export")
        export: dict[str, Any] = answer.json() if answer.ok else {}
        return export if export.get("state") == "ready" else {}

    person.call("POST", "/api/v1/export")
    url = wait_until(ready, what="an archive")["url"]
    with zipfile.ZipFile(io.BytesIO(person.http.get(url, timeout=60).content)) as archive:
        found: list[dict[str, Any]] = json.loads(archive.read("insights.json"))
        return found


def test_posts_likes_and_orders_show_up_under_the_own_profile(with_guest: System) -> None:
    anna, ben = with_guest.register("anna"), with_guest.register("ben")
    post = anna.client.status_post("First light #harbour")
    anna.client.status_post("Second light #harbour #sea")
    ben.client.status_favourite(post.id)
    ben.client.account_follow(anna.id)
    order = buy(ben, create_product(anna), 2)
    assert await_final_state(ben, order["id"])["state"] == "completed"
    expected = ("2.0 posts a week", "1 like", "1 sale, 48.00 EUR", "#harbour #sea")
    with WebBrowser(with_guest.base) as browser:
        log_in(browser, anna)

        def is_shown() -> bool:
            text = " ".join(page_of(browser, anna).split())
            return all(words in text.replace("\xa0", " ") for words in expected)

        wait_until(is_shown, what="insights under the own profile")
        assert "Your last twelve weeks" not in page_of(browser, ben)

    (record,) = archived(anna)
    assert (record["posts"], record["likes"], record["sales"][0]["orders"]) == (2, 1, 1)

    with_guest.stop("insights")
    try:
        with WebBrowser(with_guest.base) as browser:
            log_in(browser, anna)
            text = page_of(browser, anna)
            assert "First light" in text
            assert "Your last twelve weeks" not in text
    finally:
        with_guest.start("insights")
