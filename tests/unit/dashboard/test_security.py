from __future__ import annotations

import stat

import pytest

from tests.unit.dashboard.asgi import HOST, OWNER, running, send
from tests.unit.dashboard.conftest import TOKEN
from tools.dashboard.app import create_app
from tools.dashboard.settings import Settings, create_token, derived_token, token_file
from tools.runner.config.paths import RunDir

ROUTES = ("/", "/api/resources", "/api/logs", "/api/traces", "/export.zip", "/no/such/route")


async def cookie_of(settings: Settings) -> str:
    async with running(create_app(settings)) as app:
        answer = await send(app, "GET", f"/?token={TOKEN}", {})
    return answer.headers["set-cookie"].partition(";")[0]


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Bearer {derived_token(TOKEN, 'otlp')}"},  # services hold this
        {"cookie": f"microgram-dashboard-18090={TOKEN}"},
        {"cookie": '"; ='},
    ],
)
async def test_every_route_needs_the_token(
    settings: Settings, path: str, headers: dict[str, str]
) -> None:
    async with running(create_app(settings)) as app:
        for method in ("GET", "POST"):
            answer = await send(app, method, path, {"origin": f"http://{HOST}", **headers})
            assert answer.status == 401


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e300", "ten"])
@pytest.mark.parametrize(
    "path", ["/api/logs?limit=", "/api/logs?since=", "/api/traces?limit=", "/api/traces?min_ms="]
)
async def test_what_is_no_number_is_refused(settings: Settings, path: str, number: str) -> None:
    async with running(create_app(settings)) as app:
        answer = await send(app, "GET", path + number, OWNER)
    assert answer.status == 400


@pytest.mark.parametrize("host", ["evil.example", "evil.example:18090", "127.0.0.1", ""])
async def test_another_host_is_refused_also_with_the_token(settings: Settings, host: str) -> None:
    async with running(create_app(settings)) as app:
        for path in (*ROUTES, "/healthz", "/v1/traces"):
            assert (await send(app, "GET", path, {**OWNER, "host": host})).status == 421


async def test_the_address_with_the_token_becomes_a_cookie(settings: Settings) -> None:
    async with running(create_app(settings)) as app:
        wrong = await send(app, "GET", "/?token=wrong", {})
        assert (wrong.status, "set-cookie" in wrong.headers) == (401, False)
        answer = await send(app, "GET", f"//evil.example/logs?token={TOKEN}&level=error", {})
        assert answer.status == 303
        assert answer.headers["location"] == "/evil.example/logs?level=error"
        cookie = answer.headers["set-cookie"]
        assert TOKEN not in cookie
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        value = cookie.partition(";")[0]
        assert (await send(app, "GET", "/api/logs", {"cookie": value})).status == 200


async def test_changes_come_from_the_own_pages_only(settings: Settings) -> None:
    cookie = {"cookie": await cookie_of(settings)}
    async with running(create_app(settings)) as app:
        for origin in ("http://evil.example", "null", f"https://{HOST}", "http://127.0.0.1:8080"):
            for headers in (cookie, OWNER):
                given = {**headers, "origin": origin}
                assert (await send(app, "POST", "/api/resources", given)).status == 403
        assert (await send(app, "POST", "/api/resources", cookie)).status == 403
        own = {**cookie, "origin": f"http://{HOST}"}
        assert (await send(app, "POST", "/api/resources", own)).status == 405
        assert (await send(app, "POST", "/api/resources", OWNER)).status == 405


async def test_pages_load_nothing_from_elsewhere(settings: Settings) -> None:
    async with running(create_app(settings)) as app:
        headers = (await send(app, "GET", "/api/logs")).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


def test_the_token_is_made_once_for_the_owner_only(run: RunDir) -> None:
    token = create_token(run)
    assert create_token(run) == token
    assert stat.S_IMODE(token_file(run).stat().st_mode) == 0o600
    token_file(run).write_text("\n")
    assert len(create_token(run)) > 20


async def test_there_is_no_dashboard_without_a_token(run: RunDir) -> None:
    app = create_app(Settings(run, 1, ""))
    with pytest.raises(ValueError, match="open to all"):
        await send(app, "GET", "/", {"authorization": "Bearer "})
