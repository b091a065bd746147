"""Whose name a request bears: the `Host` header, and the `Origin` of forms."""

from __future__ import annotations

import pytest
from fastapi.routing import APIRoute

from services.gateway.http.own_hosts import OwnHosts
from tests.fakes import until
from tests.fakes.streams import stream
from tests.services.gateway.browser import HOST, ORIGIN, FormBrowser
from tests.services.gateway.deployment import PASSWORD, GatewayDeployment, deploy
from tests.services.gateway.test_headers import address, routes_of

FOREIGN_HOSTS = [
    "evil.example",
    "evil.example:8080",
    "127.0.0.1.evil.example:8080",
    "127.0.0.1:8081",
    "127.0.0.1",
    "127.0.0.1:8080@evil.example",
    "127.0.0.1:8080.evil.example",
    "10.0.0.7:8080",
    "0.0.0.0:8080",
    "",
]
FOREIGN_ORIGINS = [
    "https://evil.example",
    "http://evil.example:8080",
    "null",
    "http://127.0.0.1:9",
    "https://127.0.0.1:8080",  # another scheme is another origin
    "http://127.0.0.1:8080.evil.example",
    "http://localhost:8080",  # not the page's own host
    "",
]


@pytest.mark.parametrize(
    ("public", "own", "foreign"),
    [
        (
            "http://127.0.0.1:8080",
            [
                *("127.0.0.1:8080", "localhost:8080", "LocalHost:8080", "[::1]:8080"),
                *("a.localhost:8080", "127.0.0.1:9000"),
            ],
            FOREIGN_HOSTS,
        ),
        (
            "https://pictures.example",
            ["pictures.example", "Pictures.Example", "pictures.example:443"],
            [
                *(*FOREIGN_HOSTS, "localhost:9000", "pictures.example:80", "www.pictures.example"),
                *("pictures.example.evil.example", "pictures.example:99999", "pictures.example:"),
            ],
        ),
        ("http://[::1]:8080", ["[::1]:8080", "127.0.0.1:8080"], ["[::2]:8080", "[::1", "::1"]),
    ],
)
def test_hosts_are_told_apart(public: str, own: list[str], foreign: list[str]) -> None:
    hosts = OwnHosts(public, 9000)
    assert [host for host in own if not hosts.has(host)] == []
    assert [host for host in foreign if hosts.has(host)] == []


async def test_no_route_answers_another_host(deployment: GatewayDeployment) -> None:
    """DNS rebinding: the browser counts the page of the other host as same-origin."""
    app = deployment.gateway.app
    for method, route in routes_of(app):
        path = address(route, dict.fromkeys(_parameters(route), "1"))
        headers = {"host": "evil.example:8080", "origin": "http://evil.example:8080"}
        refused = await deployment.ask(method, path, headers=headers)
        open_to = {"/healthz": 200, "/readyz": 200, "/metrics": 401}
        assert refused.status == open_to.get(path, 421), path
    for host in FOREIGN_HOSTS:
        refused = await deployment.ask("GET", "/api/v1/instance", headers={"host": host})
        assert refused.status == 421, host
        assert "MICROGRAM_PUBLIC_URL" in refused.json()["error"]
    for path in ("/api/v1/streaming", "/graphql"):
        async with stream(app, path, socket=True, headers={"host": "evil.example"}) as opened:
            await until(lambda: bool(opened.status))
            assert opened.status == 421


def _parameters(route: APIRoute) -> list[str]:
    return list(route.param_convertors)


async def test_the_own_sidecar_may_send_any_host(deployment: GatewayDeployment) -> None:
    path = "/dapr/subscribe"
    answer = await deployment.gateway.call("GET", path, headers={"host": "evil.example"}, caller="")
    assert answer.status == 200
    wrong = {"host": "evil.example", "dapr-api-token": "wrong"}
    assert (await deployment.ask("GET", path, headers=wrong)).status == 421


async def test_a_public_host_has_no_local_names() -> None:
    async with deploy(microgram_public_url="https://pictures.example") as deployment:
        for host, status in (
            ("pictures.example", 200),
            (HOST, 421),
            ("localhost:8080", 421),
            ("evil.example", 421),
        ):
            answer = await deployment.ask("GET", "/api/v1/instance", headers={"host": host})
            assert answer.status == status, host


@pytest.mark.parametrize("site", [None, "cross-site", "same-site"])
async def test_no_form_of_another_site_is_read(
    deployment: GatewayDeployment, site: str | None
) -> None:
    """Every form, also the login forms, which no cookie authorises."""
    await deployment.register("ada")
    browser = await FormBrowser(deployment).sign_up("ben")
    invoked = deployment.gateway.sidecar.faults.calls
    form = {"login": "ada", "password": PASSWORD, "decision": "allow"}
    for method, route in routes_of(deployment.gateway.app):
        if method in ("GET", "HEAD") or type(route).__name__ != "PageRoute":
            continue
        path = address(route, dict.fromkeys(_parameters(route), "1"))
        origins = FOREIGN_ORIGINS if site is None else [ORIGIN]
        for origin in origins:
            headers = {"host": HOST, "origin": origin}
            headers |= {"sec-fetch-site": site} if site else {}
            before = len(invoked)
            stranger = await deployment.ask(method, path, form=form, headers=headers)
            user = await browser.api(method, path, form=form, headers=headers)
            assert (stranger.status, user.status) == (403, 403), (path, origin)
            reads = [call.about for call in invoked[before:] if call.name == "invoke"]
            assert reads == [], (path, origin)


async def test_a_form_with_a_cookie_says_where_it_is_from(deployment: GatewayDeployment) -> None:
    await deployment.register("ada")
    form = {"login": "ada", "password": PASSWORD}
    own = {"origin": ORIGIN}
    logged_in = await deployment.ask("POST", "/auth/archive", form=form, headers=own)
    cookie = {"cookie": logged_in.headers["set-cookie"].partition(";")[0]}
    for path in ("/auth/archive", "/auth/archive/request", "/auth/archive/leave"):
        assert (await deployment.ask("POST", path, form=form, headers=cookie)).status == 403
        sent = await deployment.ask("POST", path, form=form, headers=cookie | own)
        assert sent.status == 303, path
    program = await deployment.ask("POST", "/auth/archive", form=form)
    assert program.status == 303
