"""The header matrix: every route, who asks and how it ends, from the table of routes.

A new route is in it by itself: it is private, loads nothing and is in no frame until it says else.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from starlette.routing import Route

from services.chassis.errors import Unavailable
from services.gateway.middleware.security_headers import SecurityHeadersMiddleware
from tests.fakes import Response, asgi
from tests.fakes.streams import stream
from tests.fakes.waiting import until
from tests.services.gateway.browser import FormBrowser
from tests.services.gateway.deployment import (
    GatewayDeployment,
    SignedInUser,
    deploy,
    has_only_own_scripts,
)
from tests.services.gateway.test_shop import sold
from tests.services.gateway.test_shop_orders import with_orders

ALWAYS_PUBLIC = {
    "/static/{name}",
    "/static/{version}/{name}",
    "/manifest.webmanifest",
    "/sw.js",
    "/offline",
    "/favicon.ico",
    "/media/{name}",
    "/@{username}/feed.atom",
}
"""Routes whose answers are the same for everybody."""

PUBLIC_TO_STRANGERS = {
    "/",
    "/shop",
    "/shops/{id}",
    "/products/{id}",
    "/@{username}/shop",
    "/@{username}/{id}",
    "/@{username}/{id}/history",
    "/@{username}",
    "/tags/{tag}",
}
"""Pages that caches may keep for some seconds, for readers without a cookie."""

ENDLESS = {"/api/v1/streaming/" + name for name in ["user", "public", "hashtag", "direct", "list"]}
OWN = {"'none'", "'self'", "blob:"}
GRAMMAR = {
    "link": r'(<[!-;=?-~]+>; rel="[a-z]+"(, )?)+',
    "location": r"[!#-;=?-\[\]_a-z~%]+",
    "content-disposition": r'attachment; filename="[\w.-]+"',
    "etag": r'"[!#-~]*"',
    "vary": r"[\w-]+(, [\w-]+)*",
    "allow": r"[A-Z]+(, [A-Z]+)*",
    "retry-after": r"[0-9]+",
    "content-type": r"[a-z]+/[a-z0-9.+-]+(; ?charset=utf-8)?",
    "content-length": r"[0-9]+",
    "set-cookie": r"[a-z_]+=[!#-+\--:<-\[\]-~\"]*(; [\w-]+(=[ -:<-~]*)?)*",
    "www-authenticate": r'[A-Za-z]+( \w+="[ !#-\[\]-~]*")*',
    "x-request-id": r"[\w.-]+",
}
"""By header, what RFC 9110, 8288, 6265 and 6266 allow, and what we use of it."""

LINKED_DATA = re.compile(r'<script type="application/ld\+json">.*?</script>', re.DOTALL)
"""Data, which browsers do not run."""

PARAMETERS = (
    *("name", "variant", "part", "group_key", "year", "action", "kind", "verb", "date"),
    *("version", "currency", "topic", "stream"),
)
HOSTILE = "x\r\nx-evil: 1\"<>;,'\u202e\u00e9\0"


def routes_of(app: Any) -> Iterator[tuple[str, Any]]:
    for route in app.routes:
        if isinstance(route, Route):  # a WebSocket has another test
            for method in sorted(route.methods or ()):
                if method != "HEAD":
                    yield method, route


def address(route: Any, values: dict[str, str]) -> str:
    """The address of a route, with a value for each of its parameters."""
    return re.sub(r"{(\w+)(:\w+)?}", lambda found: quote(values[found[1]], safe=""), route.path)


def check(response: Response, about: str) -> None:
    """What holds for every response."""
    headers = response.headers
    assert headers["x-content-type-options"] == "nosniff", about
    assert headers["x-frame-options"] == "DENY", about
    assert headers["referrer-policy"] == "same-origin", about
    check_policy(response, about)
    check_caching(response, about)
    for name, value in headers.items():
        assert name.lower() != "x-evil", about
        if pattern := GRAMMAR.get(name.lower()):
            assert re.fullmatch(pattern, value), f"{about}: {name}: {value!r}"
    if headers.get("content-type", "").startswith("text/html"):
        text = response.text
        assert has_only_own_scripts(LINKED_DATA.sub("", text)), about
        assert not re.search(r"<(?:style|iframe|object|embed|base)\b", text), about
        for loaded in re.findall(
            r'<(?:link(?! rel="(?:canonical|alternate))|img|source)\b[^>]*', text
        ):
            for url in re.findall(r'(?:href|src|srcset)="([^"]*)"', loaded):
                assert urlsplit(url).netloc in ("", "127.0.0.1:8080"), f"{about}: {loaded}"


def check_policy(response: Response, about: str) -> None:
    policies = response.headers.getall("content-security-policy")
    assert len(policies) == 1, about
    policy = {name: sources for name, *sources in map(str.split, policies[0].split("; "))}
    assert policy["frame-ancestors"] == ["'none'"], about
    assert policy["base-uri"] == ["'none'"], about
    assert {"default-src", "form-action"} <= policy.keys(), about
    for name, sources in policy.items():
        if name != "form-action" or "/oauth/authorize" not in about:
            assert OWN.issuperset(sources), f"{about}: {name} {sources}"


def check_caching(response: Response, about: str) -> None:
    """A response is for one reader, unless it says that it is public."""
    caching = response.headers.getall("cache-control")
    assert len(caching) == 1, about
    if "public" in caching[0]:
        assert response.status in (200, 304), about
        return
    assert "no-store" in caching[0], about
    vary = ", ".join(response.headers.getall("vary"))
    assert {"Authorization", "Cookie"} <= set(vary.split(", ")), about


def is_public(response: Response) -> bool:
    return "public" in response.headers["cache-control"]


@pytest.fixture
async def town() -> AsyncIterator[GatewayDeployment]:
    """All services, without limits."""
    limits = dict.fromkeys(("microgram_limit_user", "microgram_limit_address"), 10**6)
    limits |= {"microgram_limit_media": 10**6}
    async with deploy(**limits) as deployment:
        await with_orders(deployment)
        yield deployment


async def values_of(ada: SignedInUser) -> dict[str, dict[str, str]]:
    """Values of parameters: by the start of a path, what exists."""
    await sold(ada.deployment, ada)
    product = await sold(ada.deployment, ada)  # in another shop: the page of both is shown
    picture = await ada.upload("a boat")
    new = {"status": "#sea", "media_ids": [picture["id"]]}
    post = await ada.post("statuses", new)
    await ada.settled()
    any_ = dict.fromkeys(PARAMETERS, "1")
    any_ |= {"username": "ada", "tag": "sea", "id": post["id"], "last": post["id"]}
    return {
        "": any_,
        "/api/v1/accounts": any_ | {"id": ada.id},
        "/media": any_ | {"name": picture["url"].rpartition("/")[2]},
        "/static/{name}": any_ | {"name": "icon.png"},
        "/static/{version}": any_ | {"name": "style.css"},
        "/products": any_ | {"id": product["id"]},
        "/api/shop/v1/products": any_ | {"id": product["id"]},
        "/shops": any_ | {"id": product["shop_id"]},
        "/api/shop/v1/shops": any_ | {"id": product["shop_id"]},
    }


async def test_every_route_is_private_and_loads_nothing_of_others(
    town: GatewayDeployment,
) -> None:
    ada = await town.register("ada")
    values = await values_of(ada)
    browser = await FormBrowser(town).sign_up("ben")
    seen: set[str] = set()
    reads_first = sorted(routes_of(town.gateway.app), key=lambda each: each[0] != "GET")
    for method, route in reads_first:
        found = next(
            values[start] for start in sorted(values)[::-1] if route.path.startswith(start)
        )
        path = address(route, found)
        if path.startswith(tuple(ENDLESS)):
            continue
        if route.path in ("/logout", "/auth/delete", "/api/v1/accounts/delete"):
            continue  # they end the sessions of the others; the next test has them
        stranger = await town.ask(method, path)
        told = await town.gateway.public(method, path, token=ada.token)
        shown = await browser.api(method, path)
        for response, who in ((stranger, "stranger"), (told, "token"), (shown, "session")):
            check(response, f"{method} {path} {who} {response.status}")
            if is_public(response):
                seen.add(route.path)
                is_for_all = route.path in ALWAYS_PUBLIC
                is_strangers = who != "session" and route.path in PUBLIC_TO_STRANGERS
                assert method == "GET", path
                assert is_for_all or (is_strangers and response.headers["vary"] == "Cookie"), path
    assert seen == ALWAYS_PUBLIC | PUBLIC_TO_STRANGERS, "each of them has an answer that is kept"


async def test_nothing_that_is_sent_breaks_a_header(town: GatewayDeployment) -> None:
    """Parameters, queries and headers with line breaks, quotes and more, at every route."""
    ada = await town.register("ada")
    query = "&".join(
        f"{name}={quote(HOSTILE)}"
        for name in ("next", "max_id", "q", "redirect_uri", "state", "cursor", "saved", "account")
    )
    odd = {"x-request-id": 'a"b', "referer": 'http://127.0.0.1:8080/a"b;c', "origin": "null"}
    for method, route in routes_of(town.gateway.app):
        parameters = dict.fromkeys(re.findall(r"{(\w+)", route.path), HOSTILE)
        path = f"{address(route, parameters)}?{query}"
        if path.startswith(tuple(ENDLESS)):
            continue
        for token in ("", ada.token):
            answer = await town.gateway.public(method, path, token=token, headers=odd)
            check(answer, f"{method} {path} {answer.status}")
            assert answer.status != 500, path
        form = {"login": HOSTILE, "next": f"/\r\n{HOSTILE}", "password": "x"}
        if method == "POST":
            answer = await town.gateway.public(method, path, form=form)
            check(answer, f"{method} {path} {answer.status}")


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
async def test_errors_have_the_headers_too(accept: str) -> None:
    async with deploy(microgram_limit_address=12) as deployment:
        sidecar = deployment.gateway.sidecar.faults
        answers: dict[int, Response] = {}

        async def ask(method: str, path: str, **more: Any) -> None:
            headers = {"accept": accept, **more.pop("headers", {})}
            answer = await deployment.ask(method, path, headers=headers, **more)
            check(answer, f"{method} {path} {answer.status}")
            assert not is_public(answer), path
            answers[answer.status] = answer

        await ask("GET", "/nothing/here")
        await ask("DELETE", "/api/v1/instance")
        await ask("POST", "/api/v1/apps", json={})
        await ask("GET", "/api/v1/timelines/home")
        await ask("GET", "/api/v1/instance", headers={"host": "evil.example"})
        sidecar.fail("invoke", error=Unavailable("no"), times=3)
        await ask("GET", "/@ada")
        sidecar.fail("invoke", error=RuntimeError("a fault of ours"), times=10)
        await ask("GET", "/@ada")
        await ask("GET", "/api/v1/directory")
        for _ in range(12):
            await ask("GET", "/api/v1/directory")
        await ask("OPTIONS", "/api/v1/statuses")
        expected = {404, 405, 422, 401, 421, 503, 429, 204}
        assert expected <= answers.keys(), answers.keys()
        assert {500, 503} & answers.keys()


async def test_refused_and_accepted_sockets_have_the_headers(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    for token, path in (("", "/api/v1/streaming"), (ada.token, "/api/v1/streaming?stream=user")):
        async with stream(deployment.gateway.app, path, token, socket=True) as opened:
            await until(lambda: bool(opened.status))
            assert (b"x-content-type-options", b"nosniff") in opened.sent[0]["headers"]
    async with stream(deployment.gateway.app, "/api/v1/streaming/user", ada.token) as opened:
        await until(lambda: bool(opened.status))
        assert (b"cache-control", b"private, no-store") in opened.sent[0]["headers"]


async def test_a_header_with_a_line_break_is_never_sent() -> None:
    async def app(_: Any, __: Any, send: Any) -> None:
        headers = [(b"location", b"/a\r\nset-cookie: session=x")]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    answer = await asgi.call(SecurityHeadersMiddleware(app), "GET", "/")
    assert (answer.status, "location" in answer.headers) == (500, False)


async def test_what_is_gone_or_never_was_is_not_304(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    picture = await ada.upload()
    post = await ada.post("statuses", {"status": "x", "media_ids": [picture["id"]]})
    await ada.settled()
    there = picture["url"].rpartition("/")[2]
    part, secret = there[:19], there[19:35]
    never = [
        there.replace(secret, secret[::-1]),
        there.replace("-o.", "-a."),
        f"{'9' * 18}-{secret}-o.jpg",
        f"{'9' * 18}-{secret}-a.webp",
        "nothing.jpg",
    ]
    assert part[:18].isdigit()

    async def conditional(name: str, tag: str) -> int:
        headers = {"if-none-match": tag}
        return (await deployment.ask("GET", f"/media/{name}", headers=headers)).status

    assert await conditional(there, f'"{there}"') == 304
    for name in never:
        for tag in (f'"{name}"', "*", f'W/"{name}"', name):
            assert await conditional(name, tag) == 404, (name, tag)
    deleted = await ada.ask("DELETE", f"/api/v1/statuses/{post['id']}?delete_media=true")
    assert deleted.status == 200
    await ada.settled()
    assert await conditional(there, f'"{there}"') == 404
    product = await sold(deployment, ada)
    path = f"/api/shop/v1/products/{product['id']}"
    seen = {"if-none-match": '"1"'}
    assert (await ada.ask("GET", path, headers=seen)).status == 304
    assert (await ada.ask("DELETE", path, headers={"if-match": '"1"'})).status in (200, 204)
    for tag in ('"1"', '"2"', "*"):
        gone = await deployment.ask("GET", path, headers={"if-none-match": tag})
        assert gone.status in (404, 410), tag


async def test_public_files_are_kept_for_ever(deployment: GatewayDeployment) -> None:
    page = (await deployment.ask("GET", "/login")).text
    sheet = re.findall(r'href="(/static/\w+/style\.css)"', page)[0]
    ada = await deployment.register("ada")
    picture = await ada.upload()
    for path in (sheet, urlsplit(picture["url"]).path):
        kept = await deployment.ask("GET", path)
        assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert "vary" not in kept.headers or "Cookie" not in kept.headers["vary"]
