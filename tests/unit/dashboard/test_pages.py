"""The pages, without a browser and without a system: what they show of what queries answer."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from html import unescape
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from starlette.applications import Starlette

from tests.fakes.asgi import Response, call
from tests.unit.dashboard import synthetic
from tests.unit.dashboard.conftest import PORT, TOKEN, json_line, write_log
from tools.dashboard.app import create_app
from tools.dashboard.queries.dapr import DeadLetterList
from tools.dashboard.queries.map import ServiceMap
from tools.dashboard.settings import Settings
from tools.dashboard.sources import Sources
from tools.dashboard.web import (
    dapr_page,
    map_page,
    metrics_page,
    resources_page,
    traces_page,
)
from tools.dashboard.web.routes import create_routes
from tools.runner.config.paths import RunDir
from tools.runner.errors import RunnerError

ORIGIN = f"http://127.0.0.1:{PORT}"
_STATIC = Path(dapr_page.__file__).parent / "static"


def answers(found: Any) -> Callable[..., Awaitable[Any]]:
    """A query with one answer; an exception is raised."""

    async def query(*_: Any, **__: Any) -> Any:
        if isinstance(found, Exception):
            raise found
        return found

    return query


@dataclass
class StubRunner:
    """Notes orders, and refuses those for one name."""

    orders: list[dict[str, Any]] = field(default_factory=list)
    failure: Exception | None = None

    async def report(self) -> None:
        return None

    async def order(self, order: dict[str, Any], seconds: float = 0) -> dict[str, Any]:
        self.orders.append(order)
        if self.failure is not None:
            raise self.failure
        return {}


@dataclass
class DashboardBrowser:
    """Asks the dashboard as its owner's browser does."""

    app: Starlette
    runner: StubRunner

    async def get(self, path: str, **headers: str) -> Response:
        given = {"host": f"127.0.0.1:{PORT}", "authorization": f"Bearer {TOKEN}", **headers}
        return await call(self.app, "GET", path, headers=given)

    async def post(self, path: str, form: dict[str, str] | None = None) -> Response:
        given = {"host": f"127.0.0.1:{PORT}", "authorization": f"Bearer {TOKEN}", "origin": ORIGIN}
        return await call(self.app, "POST", path, headers=given, form=form or {})


def open_dashboard(settings: Settings) -> DashboardBrowser:
    app = create_app(settings, create_routes(settings))
    app.state.sources.runner = StubRunner()
    return DashboardBrowser(app, app.state.sources.runner)


@pytest.fixture
def browser(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> DashboardBrowser:
    stub: dict[ModuleType, dict[str, Any]] = {
        resources_page: {"list_resources": synthetic.system_report()},
        traces_page: {
            "list_traces": synthetic.trace_summaries(),
            "read_trace": synthetic.trace_tree(),
        },
        dapr_page: {
            "list_components": synthetic.components(),
            "list_subscriptions": synthetic.subscriptions(),
            "list_flows": synthetic.flows(),
            "list_outbox": synthetic.outbox(),
            "list_dead_letters": synthetic.dead_letters(),
            "list_workflows": synthetic.workflows(),
        },
        map_page: {"read_map": synthetic.service_map()},
        metrics_page: {"read_metrics": synthetic.metrics(time.time())},
    }
    for module, queries in stub.items():
        for name, found in queries.items():
            monkeypatch.setattr(module, name, answers(found))
    return open_dashboard(settings)


PAGES = ("/", "/logs", "/traces", f"/traces/{synthetic.TRACE}", "/dapr", "/map", "/metrics")


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_whole_and_shows_no_markup_of_others(
    browser: DashboardBrowser, run: RunDir, path: str
) -> None:
    write_log(run, "posts.log", json_line(1, synthetic.HOSTILE, "error", field=synthetic.HOSTILE))
    page = await browser.get(path)
    assert page.status == 200, page.text
    assert page.text.rstrip().endswith("</html>")
    assert 'aria-current="page"' in page.text
    assert "<script>alert" not in page.text
    assert not re.search(r'\sstyle="|\son\w+="', page.text), "the policy forbids inline styles"
    ids = re.findall(r'\sid="([^"]+)"', page.text)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_that_a_browser_has_is_not_sent_again(
    browser: DashboardBrowser, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(Sources, "now", lambda _: synthetic.AT)
    first = await browser.get(path)
    second = await browser.get(path, **{"if-none-match": first.headers["etag"]})
    assert (second.status, second.body) == (304, b"")
    assert first.headers["referrer-policy"] == "same-origin"
    assert "'unsafe" not in first.headers["content-security-policy"]


async def test_resources_say_why_a_process_is_not_ready(browser: DashboardBrowser) -> None:
    page = (await browser.get("/")).text
    assert "It exited with 1 five times" in page
    assert "ValueError: &lt;script&gt;" in page
    assert "It waits for placement, which does not answer." in page
    assert 'action="/resources/payments/start"' in page
    assert 'action="/resources/payments/stop"' not in page
    assert 'action="/resources/feed.2/restart"' in page
    assert 'action="/resources/feed/restart-rolling"' in page
    assert 'action="/resources/feed.2/restart-rolling"' not in page
    assert 'action="/resources/dashboard/' not in page, "it could not answer"
    assert 'action="/resources/redis/' not in page, "another process owns it"


async def test_a_runner_that_does_not_answer_is_said(
    browser: DashboardBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = replace(synthetic.system_report(), is_running=False)
    monkeypatch.setattr(resources_page, "list_resources", answers(report))
    assert "The runner does not answer." in (await browser.get("/")).text


async def test_before_anything_ran_the_resources_are_empty(settings: Settings) -> None:
    page = await open_dashboard(settings).get("/")
    assert page.status == 200
    assert "Nothing is known of this run yet." in page.text


@pytest.mark.parametrize("verb", ["restart", "stop", "start", "restart-rolling"])
async def test_a_button_sends_its_order_to_the_runner(browser: DashboardBrowser, verb: str) -> None:
    page = await browser.post(f"/resources/posts/{verb}")
    assert (page.status, page.headers["location"]) == (303, "/")
    assert browser.runner.orders == [{"verb": verb, "name": "posts", "count": 1}]


async def test_scaling_sends_the_count(browser: DashboardBrowser) -> None:
    assert (await browser.post("/resources/posts/scale", {"count": "3"})).status == 303
    assert browser.runner.orders == [{"verb": "scale", "name": "posts", "count": 3}]


@pytest.mark.parametrize("count", ["", "0", "51", "-1", "many", "9" * 400])
async def test_a_count_that_is_none_is_refused(browser: DashboardBrowser, count: str) -> None:
    page = await browser.post("/resources/posts/scale", {"count": count})
    assert page.status == 400
    assert "1 to 50 replicas" in page.text
    assert browser.runner.orders == []


async def test_an_order_that_does_not_exist_is_not_sent(browser: DashboardBrowser) -> None:
    assert (await browser.post("/resources/posts/delete")).status == 404
    assert browser.runner.orders == []


@pytest.mark.parametrize(
    ("failure", "status", "text"),
    [
        (RunnerError('there is no "nobody"'), 409, "there is no &#34;nobody&#34;"),
        (ConnectionRefusedError(), 409, "no runner answers"),
        (TimeoutError(), 409, "this takes long, and goes on"),
    ],
)
async def test_what_the_runner_objects_is_shown(
    browser: DashboardBrowser, failure: Exception, status: int, text: str
) -> None:
    browser.runner.failure = failure
    page = await browser.post("/resources/nobody/restart")
    assert page.status == status
    assert text in page.text
    assert "data-fault" in page.text


async def test_a_form_of_another_site_changes_nothing(browser: DashboardBrowser) -> None:
    headers = {"host": f"127.0.0.1:{PORT}", "authorization": f"Bearer {TOKEN}"}
    foreign = {**headers, "origin": "http://127.0.0.1:8080"}
    page = await call(browser.app, "POST", "/resources/posts/stop", headers=foreign, form={})
    assert page.status == 403
    assert browser.runner.orders == []


async def test_a_line_opens_its_fields_and_leads_to_its_trace(
    browser: DashboardBrowser, run: RunDir
) -> None:
    line = json_line(1, "saved a post", "warning", trace_id=synthetic.TRACE, post={"id": "12"})
    write_log(run, "posts.log", line, json_line(2, "later"))
    page = (await browser.get("/logs")).text
    assert page.index("later") < page.index("saved a post"), "the newest is first"
    assert "<dt>post</dt><dd>{&#34;id&#34;: &#34;12&#34;}</dd>" in page
    assert f'href="/traces/{synthetic.TRACE}"' in page
    one = (await browser.get(f"/logs?trace={synthetic.TRACE}&service=posts&level=warning")).text
    assert "saved a post" in one
    assert "later" not in one
    assert '<option value="warning" selected>' in one


async def test_equal_lines_are_told_apart(browser: DashboardBrowser, run: RunDir) -> None:
    write_log(run, "posts.log", *[json_line(1, "again")] * 3)
    keys = re.findall(r'<li data-key="([^"]+)"', (await browser.get("/logs")).text)
    assert len(set(keys)) == 3


async def test_older_lines_are_reached_and_the_newest_again(
    browser: DashboardBrowser, run: RunDir
) -> None:
    write_log(run, "posts.log", *[json_line(n / 100, f"line {n}") for n in range(300)])
    page = (await browser.get("/logs?text=line")).text
    assert page.count("<li data-key") == 200
    assert "Newest lines" not in page
    [older] = re.findall(r'href="([^"]+)">Older lines', page)
    page = (await browser.get(unescape(older))).text
    assert page.count("<li data-key") == 100
    assert ">line 99<" in page
    assert ">line 100<" not in page
    assert "Older lines" not in page
    assert 'href="/logs?text=line">Newest lines' in page


async def test_a_filter_that_is_wrong_is_said(browser: DashboardBrowser) -> None:
    for path in ("/logs?level=loud", "/traces?min_ms=long", "/traces?limit=few"):
        page = await browser.get(path)
        assert page.status == 400
        assert "data-fault" in page.text


async def test_the_empty_states(browser: DashboardBrowser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces_page, "list_traces", answers(()))
    monkeypatch.setattr(traces_page, "read_trace", answers(None))
    monkeypatch.setattr(metrics_page, "read_metrics", answers(()))
    monkeypatch.setattr(map_page, "read_map", answers(ServiceMap((), (), 3600.0)))
    for name in ("components", "subscriptions", "flows", "outbox", "workflows"):
        monkeypatch.setattr(dapr_page, f"list_{name}", answers(()))
    monkeypatch.setattr(dapr_page, "list_dead_letters", answers(DeadLetterList((), {})))
    for path, text in (
        ("/logs", "Nothing has been logged yet."),
        ("/logs?text=x", "No line matches this filter."),
        ("/traces", "No trace has arrived yet."),
        ("/traces?errors=true", "No trace matches this filter."),
        ("/metrics", "No samples yet."),
        ("/map", "nobody is seen to call anybody"),
        ("/dapr", "No event was given up."),
    ):
        page = await browser.get(path)
        assert page.status == 200
        assert text in page.text, path
    page = await browser.get("/traces/unknown")
    assert page.status == 404
    assert "No spans of the trace unknown are kept." in page.text


async def test_a_part_that_fails_leaves_the_others(
    browser: DashboardBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dapr_page, "list_components", answers(RuntimeError("no sidecar answers")))
    page = await browser.get("/dapr")
    assert page.status == 200
    assert "The components could not be read: no sidecar answers" in page.text
    assert "Version 3 is unknown." in page.text


async def test_dapr_shows_what_failed_and_why(browser: DashboardBrowser) -> None:
    page = (await browser.get("/dapr")).text
    assert "unknown component type &lt;script&gt;" in page
    assert page.index(">blobs<") < page.index(">pubsub<"), "what failed is first"
    assert "11 sidecars" in page
    assert "media did not answer: connection refused" in page
    assert 'action="/dapr/feed/replay"' in page
    assert "95" not in page.split('id="outbox"')[1].split("</table>")[0]
    assert "<li>" in page.split('class="steps"')[1]
    assert "It waits for placement." in page
    assert "2 min" in page.split('id="outbox"')[1].split("</table>")[0]


async def test_a_replay_is_ordered_once_and_leads_back(
    browser: DashboardBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    replayed = []

    async def replay(_: Any, service: str) -> dict[str, Any]:
        replayed.append(service)
        return {"replayed": 2, "failed": {"abc123": "Version 3 is unknown."}}

    monkeypatch.setattr(dapr_page, "replay_dead_letters", replay)
    page = await browser.post("/dapr/feed/replay")
    led_to = "/dapr?replayed=2&failed=1#dead-letters"
    assert (page.status, page.headers["location"]) == (303, led_to)
    assert replayed == ["feed"]
    shown = (await browser.get(led_to.partition("#")[0])).text
    assert "2 of the dead letters were handled, 1 failed again." in shown


def test_bars_of_a_waterfall_are_inside_and_in_proportion() -> None:
    tree = synthetic.trace_tree(200)
    rows = list(traces_page.waterfall(tree))
    assert len(rows) == len(tree.spans)
    for row in rows:
        assert row.left >= 0
        assert row.left + row.width <= 100.001
    first = rows[0]
    assert (first.left, first.width) == (0, 100)
    invoke = rows[1]
    assert invoke.left == pytest.approx(100 * 4.1 / 84.2, abs=0.01)
    assert invoke.width == pytest.approx(100 * 40.5 / 84.2, abs=0.01)


async def test_a_waterfall_shows_errors_sidecars_and_attributes(browser: DashboardBrowser) -> None:
    page = (await browser.get(f"/traces/{synthetic.TRACE}")).text
    rows = page.split('<li id="span-')[1:]
    assert 'class="sidecar hue-' in rows[2]
    assert ">sidecar</span>" in rows[2]
    assert "failed-span" in rows[7]
    assert "no such author" in rows[7]
    assert "<dt>http.route</dt><dd>/posts</dd>" in rows[4]
    assert f'href="/logs?service=feed&amp;trace={synthetic.TRACE}"' in rows[7]


async def test_the_map_is_a_drawing_and_a_table(browser: DashboardBrowser) -> None:
    page = (await browser.get("/map")).text
    edges = synthetic.service_map().edges
    assert page.count("marker-end=") == len(edges)
    table = page.split("<table>")[1]
    assert table.count("<tr data-key") == len(edges)
    assert "is handled by" in table
    around = (await browser.get("/map?of=payments")).text
    assert around.count("marker-end=") == 1
    unknown = await browser.get(f"/map?of={synthetic.HOSTILE}")
    assert unknown.text.count("marker-end=") == len(edges)


async def test_a_chart_has_words_and_figures(browser: DashboardBrowser) -> None:
    page = (await browser.get("/metrics")).text
    assert 'aria-label="Requests a second. ' in page
    assert "lowest" in page
    assert "the highest 6" in page
    table = page.split("<h2>Requests a second</h2>")[1].split("</table>")[0]
    assert table.count('<th scope="row"') == len(synthetic.SERVICES)
    assert "Dead letters" not in page, "a series without samples has no chart"
    one = (await browser.get("/metrics?service=feed")).text
    assert "the highest" not in one


async def test_an_export_shows_its_pages_and_changes_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = open_dashboard(replace(settings, is_read_only=True))
    report = synthetic.system_report(is_running=False)
    monkeypatch.setattr(resources_page, "list_resources", answers(report))
    page = (await browser.get("/")).text
    assert "An exported run." in page
    assert 'method="post"' not in page
    assert "/export.zip" not in page
    assert "The runner does not answer" not in page
    for path in ("/resources/posts/restart", "/dapr/feed/replay"):
        assert (await browser.post(path)).status == 403
    assert browser.runner.orders == []


async def test_files_are_served_and_name_only_files_that_exist(browser: DashboardBrowser) -> None:
    page = (await browser.get("/")).text
    names = set(re.findall(r'"/static/([^"]+)"', page))
    assert {"dashboard.js", "dashboard.css", "theme.js"} <= names
    assert {path.name for path in _STATIC.glob("*.js")} <= names
    for name in names:
        found = await browser.get(f"/static/{name}")
        assert found.status == 200
    assert (await browser.get("/static/../renderer.py")).status in (401, 404)
