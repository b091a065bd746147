"""The worst requests that somebody can send cost at most 50 ms of processor each.

What is measured is the processor time of this process, from the first byte of a request to the
last of its response: the gateway, all other services, and the client. Sending a request again
cannot make it dearer than it is, so the cheapest of a few tries counts.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import logging
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import orjson
import pytest

from services.contracts import limits as texts
from services.gateway.graphql import limits
from tests.services.gateway.deployment import deploy
from tests.services.gateway.test_shop import sold
from tests.services.gateway.wire import UNLIMITED, Wire, on_the_wire, running_target, status_of

log = logging.getLogger(__name__)

MOST_SECONDS = 0.050
TRIES = 5
KIB = 1024


@dataclass
class Target:
    wire: Wire
    token: bytes
    post: str
    product: str


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[asyncio.Runner, Target]]:
    yield from running_target(_open)


async def _open(stack: AsyncExitStack) -> Target:
    deployment = await stack.enter_async_context(deploy(**UNLIMITED))
    ada = await deployment.register("ada")
    post = await ada.post("statuses", {"status": "Low tide."})
    product = await sold(deployment, ada)
    wire = await stack.enter_async_context(on_the_wire(deployment))
    gc.collect()
    gc.freeze()  # what is there already costs the requests nothing
    stack.callback(gc.unfreeze)
    return Target(wire, ada.token.encode(), post["id"], product["id"])


# ── what is sent ────────────────────────────────────────────────────────────────────────────


UNIQUE = "000000"
"""Is another number in each try: parsed documents are kept."""


def head(line: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join(
        [line + b" HTTP/1.1", b"Host: 127.0.0.1:8080", b"Connection: close", *headers, b"", b""]
    )


def get(target: bytes, *headers: bytes) -> bytes:
    return head(b"GET " + target, b"Authorization: Bearer TOKEN", *headers)


def post(target: bytes, kind: bytes, body: bytes, method: bytes = b"POST") -> bytes:
    more = [b"Content-Type: " + kind, b"Content-Length: %d" % len(body)]
    return head(method + b" " + target, b"Authorization: Bearer TOKEN", *more) + body


def json(target: bytes, body: bytes, method: bytes = b"POST") -> bytes:
    return post(target, b"application/json", body, method)


def form(target: bytes, body: bytes, method: bytes = b"POST") -> bytes:
    return post(target, b"application/x-www-form-urlencoded", body, method)


def multipart(
    target: bytes, body: bytes, kind: bytes = b"multipart/form-data; boundary=b"
) -> bytes:
    return post(target, kind, body)


def graphql(query: str, times: int = 1, **variables: object) -> bytes:
    one = {"query": f"{query} #{UNIQUE}", "variables": variables}
    return json(b"/graphql", orjson.dumps([one] * times if times > 1 else one))


def fill(unit: bytes, size: int) -> bytes:
    return unit * (size // len(unit))


def status(text: str) -> bytes:
    body = orjson.dumps({"status": text[: texts.MAX_TEXT_CODE_POINTS]})
    return json(b"/api/v1/statuses", body)


PART = b'--b\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n'
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
LONG = 25_000
STATUSES = b"/api/v1/statuses"
PROFILE = b"/api/v1/accounts/update_credentials"
FIELDS = "id username displayName locked bot discoverable createdAt avatarUrl headerUrl url "
DATA_URL = b"data:image/png;base64,"

HEADS = {
    "many headers": get(b"/", *(b"X-%d: %b" % (n, b"a" * 500) for n in range(90))),
    "too many headers": get(b"/", *(b"A:",) * 12_000),
    "cookies": get(b"/", b"Cookie: " + fill(b"a=b;", 60 * KIB)),
    "quoted cookies": get(b"/", b'Cookie: a="' + fill(b"\\101", 60 * KIB) + b'"'),
    "a session of dots": get(b"/", b"Cookie: session=" + fill(b".", 60 * KIB)),
    "entity tags": get(
        b"/api/shop/v1/products/PRODUCT", b"If-None-Match: " + fill(b"a,", 60 * KIB)
    ),
    "quoted tags": get(b"/api/shop/v1/products/PRODUCT", b"If-Match: " + fill(b'W/"",', 60 * KIB)),
    "ranges": get(b"/static/app.css", b"Range: bytes=" + fill(b"0-1,", 60 * KIB)),
    "languages": get(b"/", b"Accept-Language: " + fill(b"a;q=1,", 60 * KIB)),
    "types": get(b"/graphql", b"Accept: " + fill(b"a/b,", 60 * KIB)),
    "names of headers": head(
        b"OPTIONS /api/v1/instance",
        b"Access-Control-Request-Headers: " + fill(b"a,", 60 * KIB),
    ),
    "a token of brackets": head(
        b"GET /api/v1/timelines/home",
        b"Authorization: Bearer " + base64.urlsafe_b64encode(b"[" * 40 * KIB) + b".e30.e30",
    ),
    "credentials": head(
        b"POST /oauth/token",
        b"Authorization: Basic " + base64.b64encode(fill(b"%ff:", 40 * KIB)),
        b"Content-Length: 0",
    ),
    "forwarded addresses": get(b"/", b"X-Forwarded-For: " + fill(b"1.1.1.1,", 60 * KIB)),
    "protocols": get(b"/api/v1/streaming", b"Sec-WebSocket-Protocol: " + fill(b"a,", 60 * KIB)),
}
TARGETS = {
    "short parameters": get(b"/api/v2/search?" + fill(b"a&", 8_000)),
    "named parameters": get(b"/?" + b"&".join(b"a%d=b" % n for n in range(900))),
    "escapes": get(b"/api/v2/search?q=" + fill(b"%41", 8_000)),
    "ids": get(b"/api/v1/accounts?" + fill(b"id[]=1&", 8_000)),
    "ids of posts": get(b"/api/v1/statuses?" + fill(b"id[]=1&", 8_000)),
    "relationships": get(b"/api/v1/accounts/relationships?" + fill(b"id[]=1&", 8_000)),
    "brackets": post(STATUSES + b"?" + fill(b"a[][b][c][d]=1&", 8_000), b"", b""),
    "hashtags": get(b"/api/v1/timelines/tag/a?" + fill(b"any[]=a&", 8_000)),
    "a search of words": get(b"/api/v2/search?resolve=true&q=" + fill(b"a+", 8_000)),
    "a search of links": get(b"/api/v2/search?q=" + fill(b"http://", 8_000)),
    "a page of people": get(b"/explore?q=" + fill(b"@a", 8_000)),
    "digits": get(b"/api/v1/timelines/home?max_id=" + fill(b"9", 8_000)),
    "streams": get(b"/api/v1/streaming/hashtag?tag=" + fill(b"%23", 8_000)),
    "slashes": get(fill(b"/", 8_000)),
    "dots": get(b"/media/" + fill(b"%2e%2f", 8_000)),
    "a path of escapes": get(b"/@" + fill(b"%f0%9f%8e%83", 8_000)),
    "too long": get(b"/?" + fill(b"a&", 60 * KIB)),
}
JSON = {
    "lists": json(STATUSES, b'{"a":[' + fill(b"[],", 300 * KIB) + b"1]}"),
    "few lists": json(STATUSES, b'{"a":[' + fill(b"[],", 44_000) + b"1]}"),
    "deep": json(STATUSES, fill(b"[", 300 * KIB)),
    "keys": json(STATUSES, b"{" + b",".join(b'"%d":1' % n for n in range(29_000)) + b"}"),
    "digits": json(STATUSES, b'{"status":' + fill(b"1", 300 * KIB) + b"}"),
    "fractions": json(STATUSES, b'{"a":[' + fill(b"0.1e-300,", 260 * KIB) + b"1]}"),
    "escapes": json(STATUSES, b'{"status":"' + fill(b"\\ud83d\\ude00", 300 * KIB) + b'"}'),
    "ids of pictures": json(STATUSES, b'{"media_ids":[' + fill(b'"1",', 100_000) + b'"1"]}'),
    "an object of objects": json(
        PROFILE, b'{"fields_attributes":[' + fill(b"{},", 40_000) + b"{}]}", b"PATCH"
    ),
    "lines of a quote": json(
        b"/api/shop/v1/quotes", b'{"items":[' + fill(b"{},", 40_000) + b"{}]}"
    ),
    "wrong lines": json(b"/api/shop/v1/quotes", b'{"items":[' + fill(b"1,", 58_000) + b"1]}"),
    "variants": json(b"/api/shop/v1/products", b'{"variants":[' + fill(b"{},", 40_000) + b"{}]}"),
    "deep for the shop": json(b"/api/shop/v1/quotes", fill(b'{"items":[', 290 * KIB)),
    "a cart": json(b"/api/shop/v1/cart", b'{"items":[' + fill(b"{},", 40_000) + b"{}]}", b"PUT"),
    "a callback": json(b"/webhooks/payments", fill(b"[", 300 * KIB)),
}
FORMS = {
    "escapes": form(STATUSES, b"status=" + fill(b"%41", 300 * KIB)),
    "ampersands": form(STATUSES, fill(b"&", 300 * KIB)),
    "fields": form(STATUSES, b"&".join(b"a%d=%b" % (n, b"%41" * 500) for n in range(190))),
    "long names": form(STATUSES, b"&".join(b"a" * 1_600 + b"[" for _ in range(190))),
    "brackets": form(STATUSES, b"&".join(b"a" + b"[]" * 800 for _ in range(190))),
    "a list of lists": form(STATUSES, b"&".join(b"a[%d][b][c]=1" % n for n in range(190))),
    "a data URL": form(PROFILE, b"avatar=data:image/png,aa" + fill(b"%2541", 500 * KIB), b"PATCH"),
    "a base64 URL": form(PROFILE, b"avatar=data:;base64," + b"QUFB" * 800_000, b"PATCH"),
    "a login": form(b"/login", b"login=" + fill(b"%41", 300 * KIB)),
    "a long name of an account": form(b"/login", b"login=" + fill(b"%41", 16_000)),
    "a token": form(b"/oauth/token", b"code=" + fill(b"%41", 16_000)),
}
MULTIPART = {
    "parts": multipart(STATUSES, b"".join(PART % (b"%d" % n, b"", b"") for n in range(199))),
    "no end": multipart(b"/api/v2/media", FILE + fill(b"\r\n--bX", 4 * KIB * KIB)),
    "nearly ends": multipart(b"/api/v2/media", FILE + fill(b"\r\n--", 4 * KIB * KIB)),
    "new lines": multipart(b"/api/v2/media", FILE + fill(b"\r", 4 * KIB * KIB)),
    "a short end": multipart(b"/api/v2/media", FILE + fill(b"\r\n--b-", 4 * KIB * KIB)),
    "semicolons": multipart(
        STATUSES, b"".join(PART % (b"a", b";" * 3_900, b"") for n in range(80))
    ),
    "quotes": multipart(
        STATUSES, b"".join(PART % (b"a", b'; x="' + b'\\"' * 1_900 + b'"', b"") for n in range(80))
    ),
    "parameters": multipart(
        STATUSES, b"".join(PART % (b"a", b";a=b" * 30, b"") for n in range(199))
    ),
    "encoded parameters": multipart(
        STATUSES, b"".join(PART % (b"a", b";a*0*=u''%41" * 15, b"") for n in range(180))
    ),
    "headers of parts": multipart(
        STATUSES,
        b"".join(b"--b\r\n" + b"A: b\r\n" * 7 + PART[5:] % (b"a", b"", b"") for n in range(199)),
    ),
    "a type of semicolons": multipart(STATUSES, b"", b"multipart/form-data" + b";" * 60 * KIB),
    "a long boundary": multipart(
        STATUSES, PART % (b"a", b"", b""), b"multipart/form-data; boundary=" + b"b" * 60 * KIB
    ),
    "before the first part": multipart(STATUSES, fill(b"\r\n", 100 * KIB)),
    "after the last part": multipart(STATUSES, b"--b--\r\n" + fill(b"--b\r\n", 100 * KIB)),
}
ESCAPED = "\\u0041" * 10_000
GRAPHQL = {
    "the same field": graphql("{ viewer { person { " + "id " * 790 + "} } }", 5),
    "the same field as often as accepted": graphql(
        "{ viewer { person { " + (FIELDS * 10) + "} } }", limits.MAX_BATCH
    ),
    "the same page": graphql(
        "{ viewer { person { " + "posts(first: 1) { nodes { id } } " * 10 + "} } }", 5
    ),
    "different documents": json(
        b"/graphql",
        orjson.dumps(
            [
                {"query": f"{{ viewer {{ person {{ {FIELDS * n} }} }} }} #{UNIQUE}"}
                for n in range(5, 10)
            ]
        ),
    ),
    "failing documents": json(
        b"/graphql",
        orjson.dumps([{"query": "{ viewer { person { " + "a " * n} for n in range(195, 200)]),
    ),
    "fragments": graphql(
        "{ viewer { person { "
        + "".join(f"...F{n} " for n in range(30))
        + "} } }"
        + " ".join(f"fragment F{n} on Person {{ {FIELDS} }}" for n in range(30))
    ),
    "fragments with pages": graphql(
        "{ viewer { person { "
        + "".join(f"...F{n} " for n in range(24))
        + "} } }"
        + " ".join(
            f"fragment F{n} on Person {{ {FIELDS} posts(first: 1) {{ nodes {{ id }} }} }}"
            for n in range(24)
        )
    ),
    "fragments in fragments": graphql(
        "{ viewer { person { ...F0 } } }"
        + " ".join(f"fragment F{n} on Person {{ {FIELDS} ...F{n + 1} }}" for n in range(49))
        + " fragment F49 on Person { id }"
    ),
    "inline fragments": graphql(
        "{ viewer { person { " + "... on Person { " * 90 + FIELDS + "} " * 90 + "} } }"
    ),
    "unknown fields": graphql("{ viewer { " + " ".join(f"u{n}" for n in range(980)) + " } }"),
    "aliases": graphql("{ viewer { " + " ".join(f"a{n}: note" for n in range(30)) + " } }"),
    "arguments": graphql(
        "{ " + " ".join(f"a{n}: person(a: 1, b: 2, c: 3) {{ id }}" for n in range(20)) + " }"
    ),
    "objects": graphql('{ person(id: "1", a: {' + "a: {b: 1} " * 150 + "}) { id } }"),
    "a list": graphql("{ person(id: [" + "1 " * 980 + "]) { id } }"),
    "deep objects": graphql("{ person(id: " + "{a:" * 190 + "1" + "}" * 190 + ") { id } }"),
    "deep": graphql("{ a " * 400 + "}" * 400),
    "directives": graphql("{ viewer { note " + "@include(if: true) " * 130 + "} }"),
    "variables": graphql(
        "query (" + " ".join(f"$v{n}: Int = 1" for n in range(150)) + ") { viewer { note } }"
    ),
    "operations": graphql(" ".join(f"query Q{n} {{ viewer {{ note }} }}" for n in range(120))),
    "values": graphql("query ($a: [ID!]!) { posts(ids: $a) { id } }", a=[{}] * 14_000),
    "values as many as accepted": graphql(
        "query ($a: [ID!]!) { posts(ids: $a) { id } }", a=[{}] * 990
    ),
    "escaped text": json(
        b"/graphql", b'{"query":"{ person(id: \\"' + ESCAPED.encode() + b'\\") { id } }"}'
    ),
    "lines": graphql("\n" * 30_000 + "{"),
    "comments": graphql("#\n" * 900 + "{ viewer { note } }"),
    "a long name": graphql("{ " + "a" * 60_000 + " }"),
    "a long block": graphql('{ person(id: """' + "\n a" * 15_000 + '""") { id } }'),
    "lists": json(
        b"/graphql", b'{"query":"{a}","variables":{"a":[' + fill(b"[],", 60_000) + b"1]}}"
    ),
}
UNITS = [
    *(
        "#a ",
        "@a ",
        "@a@a ",
        "http://",
        "https://a ",
        "http://a/(",
        "http://%",
        "http://[:",
        "(",
        ")",
    ),
    *(
        "a://b ",
        "a.",
        "e\u0301",
        "\U0001f468\u200d",
        "\U0001f1e6",
        "\u0915\u094d",
        "\n\n",
        "\u202e",
    ),
]
TEXTS = {
    **{f"a post of {unit!r}": status(unit * (LONG // len(unit))) for unit in UNITS},
    "a link of brackets": status("http://a/" + "(" * LONG),
    "a profile": json(PROFILE, orjson.dumps({"note": "#a " * 100_000}), b"PATCH"),
    "a description": json(
        b"/api/shop/v1/products",
        orjson.dumps({"title": "a", "description": "@a@a " * (LONG // 5), "variants": []}),
    ),
}
REQUESTS = {
    f"{kind}: {what}": request
    for kind, requests in (
        ("head", HEADS),
        ("target", TARGETS),
        ("JSON", JSON),
        ("form", FORMS),
        ("multipart", MULTIPART),
        ("GraphQL", GRAPHQL),
        ("text", TEXTS),
    )
    for what, request in requests.items()
}


@pytest.mark.parametrize("what", REQUESTS)
def test_the_worst_requests_are_cheap(running: tuple[asyncio.Runner, Target], what: str) -> None:
    runner, target = running
    request = (
        REQUESTS[what].replace(b"TOKEN", target.token).replace(b"PRODUCT", target.product.encode())
    )
    """`pytest -rP` shows the figures."""
    tries = [request.replace(UNIQUE.encode(), b"%06d" % n) for n in range(1, TRIES + 1)]
    cost, answered = min(runner.run(_cost(target.wire, each)) for each in tries)
    log.warning("%.1f ms, status %d", cost * 1000, answered)
    assert cost <= MOST_SECONDS
    assert answered < 500


async def _cost(wire: Wire, request: bytes) -> tuple[float, int]:
    """Seconds of processor for a request, and the status of its response."""
    begin = time.process_time()
    answer = await wire.ask(request)
    return time.process_time() - begin, status_of(answer)
