"""The dashboard of a real system, in a real browser."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.browser_user import BrowserUser
from tests.browser.conftest import RUNNING
from tests.browser.test_access import Theme, check
from tests.chaos.fault_points import FaultPoints
from tests.system import LoggedInUser, System, start_system, wait_until

SLOW = 120_000  # milliseconds, until a process is started on a busy machine
PAGES = ("/", "/logs", "/traces", "/dapr", "/map", "/metrics", "/traces/nothing")


@dataclass(frozen=True)
class ObservedSystem:
    """A system with its dashboard, and a person in it who posts."""

    system: System
    fault_points: FaultPoints
    author: LoggedInUser

    @property
    def address(self) -> str:
        """The address that `up` prints, with the token."""
        state = json.loads((self.system.run_dir / "state.json").read_text())
        return str(state["dashboard"])

    @property
    def base(self) -> str:
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}"


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObservedSystem]:
    """One system for all tests, on the embedded component set: pages do not know the set."""
    running = os.environ.get(RUNNING)
    if running:
        system = System(Path(running), tmp_path_factory.mktemp("homes"), f"_{int(time.time()):x}")
        points = FaultPoints(system.run_dir / "fault-points")
        yield ObservedSystem(system, points, system.register("author"))
        return
    folder = tmp_path_factory.mktemp("dashboard")
    points = FaultPoints(folder / "fault-points")
    with start_system("embedded", folder, env=points.env, dashboard=True) as system:
        yield ObservedSystem(system, points, system.register("author"))


@pytest.fixture
def open_dashboard(
    chromium: Browser, observed: ObservedSystem
) -> Iterator[Callable[..., BrowserUser]]:
    """Opens the dashboard as its owner. At the end, no console may hold an error."""
    people: list[BrowserUser] = []

    def opened(**options: object) -> BrowserUser:
        context = chromium.new_context(base_url=observed.base, **options)  # type: ignore[arg-type]
        person = BrowserUser(observed.system, context)
        people.append(person)
        person.page.goto(observed.address)
        return person

    yield opened
    faults = [fault for person in people for fault in person.faults]
    for person in people:
        person.context.close()
    assert not faults, "\n".join(faults)


@pytest.fixture
def owner(open_dashboard: Callable[..., BrowserUser]) -> BrowserUser:
    return open_dashboard()


def await_link(page: Page, path: str, name: str | re.Pattern[str]) -> None:
    """Load a page until it has a link: what it shows is on its way."""

    def is_there() -> bool:
        page.goto(path)
        return page.get_by_role("link", name=name).first.is_visible()

    wait_until(is_there, what=f"{path} has a link {name!r}")


def test_the_token_opens_the_page_and_leaves_the_address(owner: BrowserUser) -> None:
    expect(owner.page.get_by_role("heading", name="Resources")).to_be_visible()
    assert "token" not in owner.page.url
    assert "token" not in owner.page.evaluate("document.cookie")


def test_a_stranger_sees_nothing(chromium: Browser, observed: ObservedSystem) -> None:
    context = chromium.new_context(base_url=observed.base)
    answer = context.new_page().goto("/")
    assert answer is not None
    assert answer.status == 401
    context.close()


def test_a_click_restarts_a_service(owner: BrowserUser, observed: ObservedSystem) -> None:
    before = observed.system.ps()["comments"].pid
    row = owner.page.locator('tr[data-resource="comments"]')
    expect(row.locator(".state")).to_have_text("ready")
    row.get_by_role("button", name="Restart comments", exact=True).click()
    expect(owner.page.locator("#toast")).to_have_text("comments is restarted.", timeout=SLOW)
    expect(row.locator(".state")).to_have_text("ready")
    after = observed.system.ps()["comments"].pid
    assert after not in (None, before)
    expect(row.get_by_text(str(after), exact=True)).to_be_visible()


def test_a_click_stops_and_starts_a_service(owner: BrowserUser) -> None:
    row = owner.page.locator('tr[data-resource="comments"]')
    row.get_by_role("button", name="Stop comments", exact=True).click()
    expect(row.locator(".state")).to_have_text("stopped", timeout=SLOW)
    row.get_by_role("button", name="Start comments", exact=True).click()
    expect(row.locator(".state")).to_have_text("ready", timeout=SLOW)


def test_a_service_is_scaled_and_back(owner: BrowserUser) -> None:
    page = owner.page
    count = page.get_by_label("Replicas of comments")
    count.fill("2")
    page.get_by_role("button", name="Scale comments", exact=True).click()
    expect(page.locator("#toast")).to_have_text("comments is scaled.", timeout=SLOW)
    second = page.locator('tr[data-resource="comments.2"]')
    expect(second.locator(".state")).to_have_text("ready", timeout=SLOW)
    count.fill("1")
    page.get_by_role("button", name="Scale comments", exact=True).click()
    expect(second).to_have_count(0, timeout=SLOW)


def test_a_button_works_without_scripts(
    open_dashboard: Callable[..., BrowserUser], observed: ObservedSystem
) -> None:
    page = open_dashboard(java_script_enabled=False).page
    before = observed.system.ps()["comments"].pid
    page.get_by_role("button", name="Restart comments", exact=True).click()
    wait_until(
        lambda: observed.system.ps()["comments"].pid not in (None, before), what="another process"
    )
    expect(page.get_by_role("heading", name="Resources")).to_be_visible()


def test_a_line_is_found_by_its_text_and_opens_its_fields(
    owner: BrowserUser, observed: ObservedSystem
) -> None:
    observed.system.restart("comments")
    page = owner.page
    page.goto("/logs")
    page.get_by_label("Service", exact=True).select_option("comments.daprd")
    page.get_by_label("Text").fill("component loaded")
    line = page.locator(".log > li").first
    expect(line).to_contain_text("omponent loaded")
    expect(page.locator(".log > li", has_not_text=re.compile("loaded"))).to_have_count(0)
    assert "text=component" in page.url
    line.locator("summary").click()
    expect(line.locator(".facts")).to_contain_text("dapr.runtime")


def test_lines_follow_and_an_opened_one_stays_open(
    owner: BrowserUser, observed: ObservedSystem
) -> None:
    page = owner.page
    page.goto("/logs?service=comments.daprd")
    line = page.locator(".log > li").first
    key = line.get_attribute("data-key")
    line.locator("summary").click()
    observed.system.restart("comments.daprd")
    expect(page.locator(".log > li").first).not_to_have_attribute("data-key", str(key))
    expect(page.locator(f'.log > li[data-key="{key}"] details')).to_have_attribute("open", "")


def test_a_post_is_a_trace_from_the_gateway_to_the_feed(
    owner: BrowserUser, observed: ObservedSystem
) -> None:
    page = owner.page
    observed.author.client.status_post("Low tide")
    await_link(page, "/traces?text=/api/v1/statuses", "POST /api/v1/statuses")
    trace = page.get_by_role("link", name="POST /api/v1/statuses").first
    path = str(trace.get_attribute("href"))

    expected = [("service", name) for name in ("gateway", "posts", "feed")]
    expected += [("sidecar", name) for name in ("gateway", "posts")]

    def is_whole() -> bool:
        page.goto(path)
        found = [page.locator(f".spans > li.{kind}", has_text=name) for kind, name in expected]
        return all(each.count() for each in found)

    wait_until(is_whole, what="the trace has spans of services and sidecars")
    first = page.locator(".spans > li").first
    first.locator("summary").click()
    expect(first.locator(".facts")).to_contain_text("http.route")
    page.get_by_role("link", name="Logs of this trace").click()
    expect(page.get_by_label("Trace")).to_have_value(path.removeprefix("/traces/"))


def test_a_dead_letter_is_replayed_with_a_click(
    owner: BrowserUser, observed: ObservedSystem
) -> None:
    page = owner.page
    with observed.fault_points.failing("feed", "posts"):
        post = observed.author.client.status_post("hard to swallow")
        page.goto("/dapr")
        letters = page.get_by_label("Dead letters of feed")
        expect(letters).to_be_visible(timeout=SLOW)
        letters.locator("summary").last.click()
        expect(letters).to_contain_text(str(post.id))
    page.get_by_role("button", name="Replay all of feed").click()
    handled = "of the dead letters were handled, 0 failed"
    expect(page.locator("#toast")).to_contain_text(handled, timeout=SLOW)
    expect(letters).to_have_count(0)
    timeline = observed.author.client.timeline_home
    wait_until(lambda: str(post.id) in [str(each.id) for each in timeline()], what="in the feed")


def test_dapr_shows_components_and_who_consumes_what(owner: BrowserUser) -> None:
    page = owner.page
    page.goto("/dapr")
    components = page.get_by_label("Components", exact=True)
    expect(components.get_by_role("row").filter(has_text="statestore").first).to_contain_text(
        "sidecar"
    )
    subscriptions = page.get_by_label("Subscriptions", exact=True)
    expect(subscriptions).to_contain_text("/events/posts")


def test_the_map_shows_who_calls_whom_and_leads_to_one_service(
    owner: BrowserUser, observed: ObservedSystem
) -> None:
    page = owner.page
    observed.author.client.status_post("High tide")

    def has_posts() -> bool:
        page.goto("/map")
        return page.get_by_role("link", name=re.compile("^posts, service")).count() > 0

    wait_until(has_posts, what="the map has posts")
    row = page.get_by_role("row").filter(has_text=re.compile(r"gateway\s*calls\s*posts"))
    expect(row).to_be_visible()
    page.get_by_role("link", name=re.compile("^posts, service")).click()
    expect(page.get_by_label("Around")).to_have_value("posts")


def test_metrics_are_charts_with_words(owner: BrowserUser) -> None:
    page = owner.page
    page.goto("/metrics")
    owner.see_after_reload(["Memory"])
    chart = page.get_by_role("img", name=re.compile("^Memory"))
    expect(chart).to_be_visible()
    assert "highest" in str(chart.get_attribute("aria-label"))


def test_keys_lead_through_the_pages(owner: BrowserUser) -> None:
    page = owner.page
    expect(page.locator("[data-live-state]")).to_have_text("Live")
    for key, name in (("l", "Logs"), ("t", "Traces"), ("m", "Map"), ("r", "Resources")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
        expect(page.locator("[data-live-state]")).to_have_text("Live")  # scripts have run
    page.goto("/logs")
    page.keyboard.press("/")
    expect(page.get_by_label("Text")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()


def test_an_export_is_a_zip(owner: BrowserUser) -> None:
    with owner.page.expect_download() as found:
        owner.page.get_by_role("link", name="Export (ZIP)").click()
    assert found.value.suggested_filename.endswith(".zip")
    assert Path(found.value.path()).read_bytes().startswith(b"PK")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_has_a_fault_of_accessibility_or_is_too_wide(
    open_dashboard: Callable[..., BrowserUser], observed: ObservedSystem, theme: Theme
) -> None:
    owner = open_dashboard(color_scheme=theme)
    owner.expects("404")
    observed.author.client.timeline_home()
    await_link(owner.page, "/traces?service=gateway", re.compile("gateway: "))
    link = owner.page.get_by_role("link", name=re.compile("gateway: ")).first
    trace = str(link.get_attribute("href"))
    faults = [fault for path in (*PAGES, trace) for fault in check(owner, path)]
    assert not faults, "\n".join(faults)
