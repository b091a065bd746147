"""No bytes from the internet make the gateway fail: no 5xx, no error in its log, no lost exception.

The requests are made from the gateway's own table of routes, so a new route is tried as well.
`MICROGRAM_FUZZ_EXAMPLES=20000` tries for longer.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from fastapi.routing import APIRoute, APIWebSocketRoute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.services.gateway.browser import FormBrowser
from tests.services.gateway.deployment import deploy
from tests.services.gateway.test_shop import sold
from tests.services.gateway.test_shop_orders import with_orders
from tests.services.gateway.wire import (
    UNLIMITED,
    Wire,
    faults,
    on_the_wire,
    running_target,
    status_of,
)

EXAMPLES = int(os.environ.get("MICROGRAM_FUZZ_EXAMPLES", "150"))
SCOPES = "read write follow profile admin:read admin:write"
_ENDS_SESSION = ("/logout", "/settings/account", "/settings/sessions", "/auth/delete")
"""Forms that end the session of who sends them, if what they are sent is right."""

HOSTILE = [
    b"\xff",
    b"\x00",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x8e\x83",
    b"%",
    b"%ff%00%0d%0aX-A:%20b",
    b"-1",
    b"9" * 400,
    b"1e400",
    b"NaN",
    b"[]",
    b"a[b][c]",
    b"'\"<>&;,=:\\",
    "\u202e\u0661\u00b2\ufeff".encode(),
    b"../..//",
    b"[" * 2_000,
]
"""Bytes that break careless parsers."""

_LEGAL = [*(one for one in HOSTILE if b"\x00" not in one), b"websocket", b"*", b'W/"1", "2"']
"""What the server lets pass in a header, and more that means something in some."""

HEADERS = [
    *(b"Accept", b"Accept-Encoding", b"Accept-Language", b"Authorization", b"Content-Type"),
    *(b"Cookie", b"Content-Encoding", b"Expect", b"Forwarded", b"Host", b"If-Match"),
    *(b"If-Modified-Since", b"If-None-Match", b"If-Range", b"Idempotency-Key", b"Origin"),
    *(b"Range", b"Referer", b"Sec-Fetch-Site", b"Sec-WebSocket-Protocol", b"Traceparent"),
    *(b"Tracestate", b"User-Agent", b"X-Forwarded-For", b"X-Forwarded-Proto", b"X-Request-Id"),
    *(b"X-HTTP-Method-Override", b"Dapr-Api-Token", b"Dapr-Caller-App-Id", b"Upgrade"),
    *(b"Access-Control-Request-Headers", b"Access-Control-Request-Method"),
]
CREDENTIAL_PATHS = ("/oauth/token", "/oauth/revoke", "/api/v1/streaming/health", "/")
PLACES = ("path", "query", "raw query", "headers", "basic", "bearer", "form", "json", "multipart")


@dataclass
class Target:
    """The gateway with its routes, and what a signed-in user knows of it."""

    wire: Wire
    routes: list[tuple[str, str]]
    sockets: list[str]
    names: list[str]
    ids: dict[str, str]
    """Ids that exist, by a word of the paths that take them."""
    token: bytes
    cookie: bytes


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[asyncio.Runner, Target]]:
    yield from running_target(_open)


async def _open(stack: AsyncExitStack) -> Target:
    deployment = await stack.enter_async_context(deploy(**UNLIMITED))
    await with_orders(deployment)
    ada, bob = await deployment.admin("ada", SCOPES), await deployment.register("bob")
    post = await bob.post("statuses", {"status": "Low #tide at https://example.org, @ada"})
    product = await sold(deployment, bob)
    media = await ada.upload()
    browser = FormBrowser(deployment)
    await browser.get("/")
    await browser.sign_up("carol")
    await ada.settled()
    noticed = (await ada.get("notifications"))[0]
    app: Any = deployment.gateway.app
    document = (await deployment.ask("GET", "/openapi.json")).json()
    return Target(
        await stack.enter_async_context(on_the_wire(deployment)),
        sorted(
            (method, route.path)
            for route in app.routes
            if isinstance(route, APIRoute)
            for method in route.methods or ()
        ),
        [route.path for route in app.routes if isinstance(route, APIWebSocketRoute)],
        sorted(_names(document) | {"login", "password", "code", "state", "query", "back"}),
        {
            "variants": product["variants"][0]["id"],
            "products": product["id"],
            "shops": product["shop_id"],
            "statuses": post["id"],
            "media": media["id"],
            "notifications": noticed["id"],
            "tag": "tide",
            "@": "bob",
            "accounts": bob.id,
        },
        ada.token.encode(),
        "; ".join(f"{name}={value}" for name, value in browser.cookies.items()).encode(),
    )


def _names(document: Any) -> set[str]:
    """The names of all parameters and properties in an OpenAPI document."""
    if isinstance(document, list):
        return set[str]().union(*map(_names, document))
    if not isinstance(document, dict):
        return set()
    own: set[str] = {document["name"]} if "in" in document else {*document.get("properties", ())}
    return own.union(*map(_names, document.values()))


# ── every route, in every place ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize("place", PLACES)
def test_no_route_fails_on_hostile_bytes(
    running: tuple[asyncio.Runner, Target], place: str
) -> None:
    runner, target = running
    with faults() as logged:
        failed = runner.run(_sweep(target, place))
    assert failed == []
    assert logged == []


async def _sweep(target: Target, place: str) -> list[str]:
    failed = []
    for turn, (method, path, hostile) in enumerate(_tried_in(place, target)):
        request = _request_in(place, target, method, path, hostile, turn)
        status, _ = await _answer(target.wire, request)
        if status >= 500:
            failed.append(f"{status} {request[:300]!r}")
    return failed


def _tried_in(place: str, target: Target) -> list[tuple[str, str, bytes]]:
    """Routes, each with hostile bytes. Credentials are read in one way: few routes try them all."""
    if place in ("basic", "bearer"):
        routes = [(m, p) for m, p in target.routes if p in CREDENTIAL_PATHS]
        return [(m, p, hostile) for hostile in HOSTILE for _ in range(5) for m, p in routes]
    return [(m, p, HOSTILE[n % len(HOSTILE)]) for n, (m, p) in enumerate(target.routes)]


def _request_in(
    place: str, target: Target, method: str, path: str, hostile: bytes, turn: int
) -> bytes:
    """A request with hostile bytes in one place, of a user in every other route."""
    filled = _fill(path, _known_id(path, target).encode())
    headers = _credentials(path, target) if turn % 4 else []
    query = body = b""
    names = target.names[turn % 7 :: 7][:40]
    match place:
        case "path":
            filled = _fill(path, quote(hostile, safe="%").encode())
        case "query":
            query = b"&".join(b"%b=%b" % (n.encode(), quote(hostile).encode()) for n in names)
        case "raw query":
            query = b"&".join(b"%b=%b" % (n.encode(), hostile) for n in names)
        case "headers":
            others = [name for name in HEADERS if name != b"Authorization"]
            headers += [(name, _LEGAL[(turn + n) % len(_LEGAL)]) for n, name in enumerate(others)]
        case "basic":
            headers = [(b"Authorization", b"Basic " + (hostile if turn % 2 else _b64(hostile)))]
        case "bearer":
            headers = [(b"Authorization", b"Bearer " + _token(hostile, turn))]
        case "form":
            headers += [(b"Content-Type", b"application/x-www-form-urlencoded")]
            body = b"&".join(b"%b=%b" % (n.encode(), hostile) for n in names)
        case "json":
            headers += [(b"Content-Type", b"application/json")]
            body = orjson.dumps(dict.fromkeys(names, _json_of(hostile, turn)))
        case "multipart":
            headers += [(b"Content-Type", b"multipart/form-data; boundary=b; charset=utf-8")]
            body = _multipart([(n.encode(), hostile) for n in names], hostile)
    return _raw(method.encode(), filled, query, headers, body)


def _known_id(path: str, target: Target) -> str:
    return next((id for word, id in target.ids.items() if word in path), target.ids["accounts"])


def _credentials(path: str, target: Target) -> list[tuple[bytes, bytes]]:
    """What a client of the API, or a browser, sends."""
    if path.startswith(("/api", "/graphql")):
        return [(b"Authorization", b"Bearer " + target.token)]
    own_site = [(b"Sec-Fetch-Site", b"same-origin")]
    return own_site if path.startswith(_ENDS_SESSION) else [(b"Cookie", target.cookie), *own_site]


def _json_of(hostile: bytes, turn: int) -> Any:
    text = hostile.decode(errors="replace")
    return [text, [text, {text: [text]}], {text: text}, -(2**63), 1.5e308, None, [[[]]]][turn % 7]


def _token(hostile: bytes, turn: int) -> bytes:
    """What resembles an access token."""
    parts = [
        hostile,
        _b64(hostile) + b".e30.",
        _b64(b"[" * 2_000) + b".e30.e30",
        _b64(b'{"alg":"EdDSA","kid":' + b"[" * 900 + b"]" * 900 + b"}") + b".e30.e30",
        _b64(b'{"alg":"EdDSA","kid":{"a":1}}') + b"." + _b64(hostile) + b".e30",
    ]
    return parts[turn % len(parts)]


def _b64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _multipart(fields: list[tuple[bytes, bytes]], hostile: bytes) -> bytes:
    parts = [
        b'--b\r\nContent-Disposition: form-data; name="%b"; %b\r\nX-%b: y\r\n\r\n%b\r\n'
        % (name, hostile[:20].replace(b"\x00", b""), name, value)
        for name, value in fields
    ]
    file = b'--b\r\nContent-Disposition: form-data; name="file"; filename="%b"\r\n\r\n%b\r\n'
    return b"".join([*parts, file % (hostile[:100], hostile), b"--b--\r\n"])


def _fill(path: str, value: bytes) -> bytes:
    return re.sub(rb"\{[^}]*\}", lambda _: value, path.encode())


def _raw(
    method: bytes, path: bytes, query: bytes, headers: list[tuple[bytes, bytes]], body: bytes
) -> bytes:
    """The bytes of a request that ends its connection."""
    sent = [(b"Host", b"127.0.0.1:8080"), (b"Connection", b"close"), *headers]
    if body or method not in (b"GET", b"DELETE"):
        sent.append((b"Content-Length", b"%d" % len(body)))
    lines = [b"%b %b%b HTTP/1.1" % (method, path, b"?" + query if query else b"")]
    lines += [b"%b: %b" % pair for pair in sent]
    return b"\r\n".join([*lines, b"", body])


async def _answer(wire: Wire, request: bytes) -> tuple[int, bytes]:
    """The status and the head of an answer, read to its end unless it is a stream."""
    try:
        async with asyncio.timeout(20), wire.connection() as (reader, writer):
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if b"text/event-stream" not in head and b" 101 " not in head[:14]:
                await reader.read()
            return status_of(head), head
    except (ConnectionError, asyncio.IncompleteReadError):
        return 0, b""


# ── anything, anywhere ──────────────────────────────────────────────────────────────────────

_PIECES = st.one_of(st.sampled_from(HOSTILE), st.binary(max_size=40))
_TEXT = st.text(max_size=20)
_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    _TEXT,
    st.sampled_from([*(piece.decode("latin-1") for piece in HOSTILE), "\ud800"]),
)
_JSON = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4)
)
_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]


@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=_SLOW, derandomize=EXAMPLES < 1_000
)
@given(data=st.data())
def test_no_request_fails(running: tuple[asyncio.Runner, Target], data: st.DataObject) -> None:
    runner, target = running
    request = _draw_request(data, target)
    with faults() as logged:
        status, _ = runner.run(_answer(target.wire, request))
    assert status < 500, request
    assert logged == [], request


def _draw_request(data: st.DataObject, target: Target) -> bytes:
    draw = data.draw
    method, path = draw(st.sampled_from(target.routes))
    known = st.sampled_from([_known_id(path, target).encode(), b"1"])
    segment = st.one_of(known, _PIECES.map(lambda raw: quote(raw, safe="%").encode()))
    names = st.one_of(st.sampled_from(target.names).map(str.encode), _PIECES)
    pairs = st.lists(st.tuples(names, st.one_of(known, _PIECES)), max_size=6)
    headers = draw(st.lists(st.tuples(st.sampled_from(HEADERS), _PIECES), max_size=4))
    if draw(st.integers(0, 3)):
        headers += _credentials(path, target)
    query = b"&".join(b"%b=%b" % pair for pair in draw(pairs))
    if draw(st.booleans()):
        query = quote(query, safe="=&%").encode()
    kind, body = draw(_bodies(names, pairs))
    if kind:
        headers.append((b"Content-Type", kind))
    filled = re.sub(rb"\{[^}]*\}", lambda _: draw(segment), path.encode())
    return _raw(method.encode(), filled, query, headers, body)


def _bodies(
    names: st.SearchStrategy[bytes], pairs: st.SearchStrategy[list[tuple[bytes, bytes]]]
) -> st.SearchStrategy[tuple[bytes, bytes]]:
    """Content types with bodies: of one kind, or of none."""
    keys = names.map(lambda raw: raw.decode("latin-1"))
    documents = st.one_of(st.dictionaries(keys, _JSON, max_size=6), _JSON)
    forms = pairs.map(lambda sent: b"&".join(b"%b=%b" % pair for pair in sent))
    return st.one_of(
        st.just((b"", b"")),
        st.tuples(st.just(b"application/json"), documents.map(_as_json)),
        st.tuples(st.just(b"application/x-www-form-urlencoded"), forms),
        st.tuples(
            st.just(b"multipart/form-data; boundary=b"), pairs.map(lambda p: _multipart(p, b"x"))
        ),
        st.tuples(_PIECES, _PIECES),
    )


def _as_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=True).encode()


# ── WebSocket ───────────────────────────────────────────────────────────────────────────────

_TYPES = ["connection_init", "subscribe", "unsubscribe", "complete", "ping", "pong", "next"]
_MESSAGES = st.one_of(
    st.fixed_dictionaries(
        {"type": st.sampled_from(_TYPES) | _LEAVES},
        optional={
            "id": st.sampled_from(["1", "2"]) | _LEAVES,
            "payload": _JSON
            | st.fixed_dictionaries(
                {"query": st.sampled_from(["subscription { home { id } }", "{", "{a}"]) | _LEAVES},
                optional={"variables": _JSON, "operationName": _LEAVES},
            ),
            "stream": st.sampled_from(["user", "public", "hashtag", "list"]) | _LEAVES,
            "tag": _LEAVES,
        },
    ).map(_as_json),
    _JSON.map(_as_json),
    _PIECES,
)
_FRAMES = st.lists(
    st.tuples(
        st.sampled_from([0x81, 0x81, 0x81, 0x82, 0x01, 0x00, 0x80, 0x89, 0x88, 0xFF]), _MESSAGES
    ),
    max_size=5,
)


@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=_SLOW, derandomize=EXAMPLES < 1_000
)
@given(data=st.data())
def test_no_websocket_message_fails(
    running: tuple[asyncio.Runner, Target], data: st.DataObject
) -> None:
    runner, target = running
    path = data.draw(st.sampled_from(target.sockets))
    protocol = data.draw(st.sampled_from([b"graphql-transport-ws", b"", b"a, \xff"]))
    query = data.draw(st.sampled_from([b"", b"?stream=user", b"?stream=%ff&tag=%00"]))
    frames = data.draw(_FRAMES)
    if data.draw(st.booleans()):
        frames = [(0x81, b'{"type":"connection_init"}'), *frames]
    sent = b"".join(_frame(first, message) for first, message in frames)
    others = [name for name in HEADERS if name not in (b"Authorization", b"Upgrade")]
    more = data.draw(st.lists(st.tuples(st.sampled_from(others), _PIECES), max_size=2))
    shake = _handshake(target, path.encode() + query, protocol, more)
    with faults() as logged:
        status = runner.run(_converse(target.wire, shake, sent + _frame(0x88, b"\x03\xe8")))
    assert status < 500
    assert logged == []


def _handshake(
    target: Target, path: bytes, protocol: bytes, more: list[tuple[bytes, bytes]]
) -> bytes:
    headers = [
        (b"Connection", b"Upgrade"),
        (b"Upgrade", b"websocket"),
        (b"Sec-WebSocket-Version", b"13"),
        (b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        (b"Authorization", b"Bearer " + target.token),
        *([(b"Sec-WebSocket-Protocol", protocol)] if protocol else []),
        *more,
    ]
    lines = [b"GET %b HTTP/1.1" % path, b"Host: 127.0.0.1:8080", *(b"%b: %b" % h for h in headers)]
    return b"\r\n".join([*lines, b"", b""])


def _frame(first: int, message: bytes) -> bytes:
    """A frame of a client, masked with zeros."""
    size = len(message)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes([first]) + length + b"\0\0\0\0" + message


async def _converse(wire: Wire, shake: bytes, frames: bytes) -> int:
    """The status of the handshake; the server reads all frames, and closes."""
    try:
        async with asyncio.timeout(20), wire.connection() as (reader, writer):
            writer.write(shake)
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(frames)
            if status_of(head) == 101:
                await reader.read()
            return status_of(head)
    except (ConnectionError, asyncio.IncompleteReadError):
        return 0
