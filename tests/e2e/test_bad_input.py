"""Bad input is refused with a clear 4xx that clients can show, and changes nothing."""

from __future__ import annotations

import http.client
import io
import json
import select
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from tests.e2e import pictures
from tests.system import Person, System, wait_until

NOWHERE = "999999999999999999"
MIB = 1024 * 1024


def snapshot(person: Person) -> dict[str, Any]:
    """All of somebody that bad input might have changed."""
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
def victim(system: System) -> Person:
    """Somebody whom no bad input changes, so that all these tests can share them."""
    person = system.register("victim")
    person.client.status_post("before")
    wait_until(lambda: person.client.me().statuses_count == 1)
    return person


@pytest.fixture
def unchanged(victim: Person) -> Iterator[None]:
    before = snapshot(victim)
    yield
    assert snapshot(victim) == before


@dataclass(frozen=True)
class Bad:
    """One bad request, and the statuses that would be clear answers to it."""

    method: str
    path: str
    given: dict[str, Any] = field(default_factory=dict)
    clear: tuple[int, ...] = (422,)

    def __str__(self) -> str:
        what = json.dumps(self.given, default=str)[:60]
        return f"{self.method} {self.path.removeprefix('/api/v1')} {what}"


POSTS = "/api/v1/statuses"
ME = "/api/v1/accounts/update_credentials"
HOME = "/api/v1/timelines/home"
JSON = {"Content-Type": "application/json"}

MALFORMED = [
    Bad("POST", POSTS, {"data": body, "headers": JSON}, (400, 422))
    for body in (
        b"",
        b"{",
        b'{"status": ',
        b"\xff\xfe",
        b"[1, 2]",
        b'"text"',
        b"null",
        b"[" * 50_000,
    )
]
WRONG_TYPES = [
    Bad("POST", POSTS, {"json": {"status": "x", **body}})
    for body in (
        {"status": {"a": 1}},
        {"status": ["x", "y"]},
        {"media_ids": {"a": {"b": 1}}},
        {"media_ids": [["x"]]},
        {"visibility": "everyone"},
        {"visibility": 7},
        {"sensitive": "perhaps"},
        {"sensitive": {"a": 1}},
        {"in_reply_to_id": {"x": 1}},
        {"language": "not-a-language-at-all-really"},
    )
] + [
    Bad("PATCH", ME, {"json": {"locked": "perhaps"}}),
    Bad("PATCH", ME, {"json": {"fields_attributes": "x"}}),
    Bad("PATCH", ME, {"json": {"source": {"privacy": "everyone"}}}),
    Bad("GET", f"{HOME}?max_id=abc", {}, (400, 422)),
    Bad("GET", f"{HOME}?min_id=-1", {}, (400, 422)),
    Bad("GET", f"{HOME}?limit=many", {}, (400, 422)),
    Bad("GET", f"{HOME}?since_id={'9' * 400}", {}, (400, 422)),
]
TOO_LONG = [
    Bad("POST", POSTS, {"json": {"status": "x" * 2_201}}),
    Bad("POST", POSTS, {"json": {"status": "😀" * 2_201}}),
    Bad("POST", POSTS, {"json": {"status": "x" * 50_000}}),
    Bad("POST", POSTS, {"json": {"status": "x" * (2 * MIB)}}, (413, 422)),
    Bad("POST", POSTS, {"json": {"status": "x", "spoiler_text": "y" * 2_201}}),
    Bad("POST", POSTS, {"json": {"status": "x", "media_ids": ["1"] * 1_000}}),
    Bad("POST", POSTS, {"json": {"status": "x", "media_ids": [str(n) for n in range(1, 12)]}}),
    Bad("PATCH", ME, {"json": {"display_name": "x" * 31}}),
    Bad("PATCH", ME, {"json": {"note": "x" * 501}}),
    Bad("PATCH", ME, {"json": {"fields_attributes": [{"name": "a", "value": "b"}] * 5}}),
    Bad("PATCH", ME, {"json": {"fields_attributes": [{"name": "x" * 256, "value": "b"}]}}),
    Bad("GET", "/api/v1/accounts/relationships", {"params": {"id[]": list(range(1, 500))}}),
]
EMPTY = [
    Bad("POST", POSTS, {"json": {}}),
    Bad("POST", POSTS, {"json": {"status": "  \n\t "}}),
    Bad("POST", POSTS, {"data": {"status": ""}}),
    Bad("POST", "/api/v2/media", {"data": {"description": "no file"}}),
    Bad("POST", "/api/v2/media", {"files": {"file": ("a.jpg", b"", "image/jpeg")}}),
]
UNKNOWN = [
    Bad(method, path.format(id=id), {}, (404, 405))
    for id in (NOWHERE, "0", "x", "1" * 40, "%00", "..%2f1", "1%2F..%2Fchanges", "-1", "1.5")
    for method, path in (
        ("GET", POSTS + "/{id}"),
        ("PUT", POSTS + "/{id}"),
        ("DELETE", POSTS + "/{id}"),
        ("POST", POSTS + "/{id}/favourite"),
        ("GET", POSTS + "/{id}/context"),
        ("GET", "/api/v1/accounts/{id}"),
        ("POST", "/api/v1/accounts/{id}/follow"),
        ("GET", "/api/v1/accounts/{id}/statuses"),
        ("GET", "/api/v1/media/{id}"),
    )
] + [
    Bad("PUT", f"{POSTS}/{NOWHERE}", {"json": {"status": "x"}}, (404,)),
    Bad("PUT", f"/api/v1/media/{NOWHERE}", {"json": {"description": "x"}}, (404,)),
    Bad("POST", POSTS, {"json": {"status": "x", "in_reply_to_id": NOWHERE}}, (404, 422)),
    Bad("POST", POSTS, {"json": {"status": "x", "media_ids": [NOWHERE]}}, (404, 422)),
    Bad("POST", POSTS, {"json": {"status": "x", "media_ids": ["one"]}}, (404, 422)),
    Bad("GET", "/api/v1/accounts/lookup?acct=nobody_here", {}, (404,)),
    Bad("GET", "/api/v1/accounts/lookup", {}, (404, 422)),
    Bad("GET", "/api/v1/no/such/route", {}, (404,)),
    Bad("PUT", "/api/v1/timelines/home", {}, (404, 405)),
]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("bad", [*MALFORMED, *WRONG_TYPES, *TOO_LONG, *EMPTY, *UNKNOWN], ids=str)
def test_it_is_refused_and_changes_nothing(victim: Person, bad: Bad) -> None:
    answer = victim.call(bad.method, bad.path, **bad.given)
    assert answer.status_code in bad.clear, answer.text[:300]


@pytest.mark.parametrize("path", [POSTS, f"{POSTS}/{NOWHERE}/favourite", "/api/v2/media"])
def test_who_is_not_signed_in_is_told_so(system: System, path: str) -> None:
    import requests

    answer = requests.post(f"{system.base}{path}", json={"status": "x"}, timeout=10)
    assert answer.status_code == 401
    assert answer.json()["error"]


@pytest.mark.usefixtures("unchanged")
def test_somebody_elses_post_cannot_be_touched(victim: Person, anna: Person) -> None:
    post = victim.client.account_statuses(victim.id)[0]
    edit = anna.call("PUT", f"{POSTS}/{post.id}", json={"status": "mine now"})
    delete = anna.call("DELETE", f"{POSTS}/{post.id}")
    assert {edit.status_code, delete.status_code} <= {403, 404}
    assert victim.client.status(post.id).content == post.content


# ── pictures ────────────────────────────────────────────────────────────────────────────────────


def truncated() -> bytes:
    whole = pictures.jpeg(size=(640, 480))
    return whole[: len(whole) // 3]


LIARS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "text as jpeg": ("a.jpg", lambda: b"this is not a picture" * 100),
    "html as png": ("a.png", lambda: b"<html><script>alert(1)</script></html>"),
    "svg": (
        "a.svg",
        lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    ),
    "truncated jpeg": ("a.jpg", truncated),
    "jpeg header, then noise": ("a.jpg", lambda: pictures.jpeg()[:200] + b"\x13\x37" * 5_000),
    "png that claims to be huge": ("a.png", pictures.liar),
    "decompression bomb": ("a.png", pictures.bomb),
    "zip": ("a.zip", lambda: b"PK\x03\x04" + b"\0" * 200),
    "mp4": ("a.mp4", lambda: b"\0\0\0\x18ftypmp42" + b"\0" * 200),
    "pdf": ("a.pdf", lambda: b"%PDF-1.7\n" + b"\0" * 200),
    "empty gif": ("a.gif", lambda: b"GIF89a\xff\xff\xff\xff\0\0\0;"),
}


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("lie", LIARS)
def test_a_picture_that_is_none_is_refused(victim: Person, lie: str) -> None:
    name, make = LIARS[lie]
    answer = victim.call("POST", "/api/v2/media", files={"file": (name, make(), "image/jpeg")})
    assert answer.status_code in (413, 415, 422), answer.text[:300]


def test_after_all_those_a_good_picture_is_still_taken(victim: Person, picture: Path) -> None:
    assert victim.upload(picture).url


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("told", [True, False], ids=["with-its-length", "chunked"])
def test_an_upload_of_a_hundred_megabytes_is_cut_short(
    system: System, victim: Person, *, told: bool
) -> None:
    gateway = psutil.Process(system.ps()["gateway"].pid)
    before = gateway.memory_info().rss
    status, body, sent = pour(system, victim, 100 * MIB, told=told)
    assert status == 413
    assert json.loads(body)["error"]
    assert sent < 64 * MIB, f"{sent / MIB:.0f} MiB were read before the answer"
    assert gateway.memory_info().rss - before < 64 * MIB


def pour(system: System, person: Person, size: int, *, told: bool) -> tuple[int, bytes, int]:
    """Upload until it is answered: the status, the answer, and how much had to be sent."""
    url = urlsplit(system.base)
    head = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n"
    )
    headers = [
        "POST /api/v2/media HTTP/1.1",
        f"Host: {url.netloc}",
        f"Authorization: Bearer {person.token}",
        "Content-Type: multipart/form-data; boundary=x",
        f"Content-Length: {size}" if told else "Transfer-Encoding: chunked",
    ]
    sent, block = 0, b"\xff" * 65_536
    with socket.create_connection((url.hostname or "", url.port or 80), timeout=30) as connection:
        connection.sendall("\r\n".join(headers).encode() + b"\r\n\r\n")
        while sent < size and not select.select([connection], [], [], 0)[0]:
            part = head if sent == 0 else block
            framed = part if told else b"%x\r\n%b\r\n" % (len(part), part)
            try:
                connection.sendall(framed)
            except (BrokenPipeError, ConnectionResetError):
                break
            sent += len(part)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.read(), sent


# ── names that mean no good ─────────────────────────────────────────────────────────────────────

PATHS = [
    "/media/../secrets.json",
    "/media/..%2fsecrets.json",
    "/media/%2e%2e/%2e%2e/secrets.json",
    "/media/....//secrets.json",
    "/media//etc/passwd",
    "/media/%00",
    "/media/..\\secrets.json",
    "/static/../settings.py",
    "/static/..%2f..%2f__init__.py",
    "/media/" + "a" * 5_000,
]


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_out_of_where_files_are(system: System, path: str) -> None:
    url = urlsplit(system.base)
    connection = http.client.HTTPConnection(url.hostname or "", url.port or 80, timeout=10)
    connection.putrequest("GET", path, skip_host=False)  # as it is, not tidied up
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status in (400, 404, 414), answer.status
    assert b"jwt-signing-keys" not in body
    assert b"import" not in body


@pytest.mark.parametrize("name", ["../../../tmp/evil.jpg", "a\0b.jpg", "x" * 3_000, "", "è/🦊.jpg"])
def test_the_name_of_an_upload_names_nothing(
    system: System, victim: Person, picture: Path, name: str
) -> None:
    file = (name or "blank", io.BytesIO(picture.read_bytes()), "image/jpeg")
    answer = victim.call("POST", "/api/v2/media", files={"file": file})
    assert answer.status_code in (200, 400, 422), answer.text[:300]
    if answer.status_code == 200:
        kept = answer.json()["url"].rpartition("/")[2]
        assert kept.replace("_", "").replace("-", "").replace(".", "").isalnum()
        assert "evil" not in kept


def test_markup_in_a_name_or_a_note_is_shown_as_text(anna: Person, ben: Person) -> None:
    evil = "<script>alert(1)</script>"
    anna.client.account_update_credentials(note=evil, fields=[("<b>x", f"{evil}")])
    seen = ben.client.account(anna.id)
    assert "<script" not in seen.note
    assert "<script" not in seen.fields[0].value
    post = anna.client.status_post(f'{evil} javascript:alert(1) "><img src=x onerror=y>')
    assert "<script" not in post.content
    assert "<img" not in post.content
    assert 'href="javascript' not in post.content
