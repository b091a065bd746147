"""Uploads that are mislabelled, too large, or badly named."""

from __future__ import annotations

import http.client
import io
import json
import select
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from tests.e2e import pictures
from tests.system import LoggedInUser, System

MIB = 1024 * 1024


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
def test_a_picture_that_is_none_is_refused(victim: LoggedInUser, lie: str) -> None:
    name, make = LIARS[lie]
    answer = victim.call("POST", "/api/v2/media", files={"file": (name, make(), "image/jpeg")})
    assert answer.status_code in (413, 415, 422), answer.text[:300]


def test_after_all_those_a_good_picture_is_still_taken(victim: LoggedInUser, picture: Path) -> None:
    assert victim.upload(picture).url


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("with_length", [True, False], ids=["with-its-length", "chunked"])
def test_an_upload_of_a_hundred_megabytes_is_cut_short(
    system: System, victim: LoggedInUser, *, with_length: bool
) -> None:
    gateway = psutil.Process(system.ps()["gateway"].pid)
    before = gateway.memory_info().rss
    status, body, sent = pour(system, victim, 100 * MIB, with_length=with_length)
    assert status == 413
    assert json.loads(body)["error"]
    assert sent < 64 * MIB, f"{sent / MIB:.0f} MiB were read before the answer"
    assert gateway.memory_info().rss - before < 64 * MIB


def pour(
    system: System, person: LoggedInUser, size: int, *, with_length: bool
) -> tuple[int, bytes, int]:
    """Upload until a response arrives; return status, response, and the bytes sent."""
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
        f"Content-Length: {size}" if with_length else "Transfer-Encoding: chunked",
    ]
    sent, block = 0, b"\xff" * 65_536
    with socket.create_connection((url.hostname or "", url.port or 80), timeout=60) as connection:
        connection.sendall("\r\n".join(headers).encode() + b"\r\n\r\n")
        while sent < size and not select.select([connection], [], [], 0)[0]:
            part = head if sent == 0 else block
            framed = part if with_length else b"%x\r\n%b\r\n" % (len(part), part)
            try:
                connection.sendall(framed)
            except (BrokenPipeError, ConnectionResetError):
                break
            sent += len(part)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.read(), sent


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
    connection = http.client.HTTPConnection(url.hostname or "", url.port or 80, timeout=60)
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
    system: System, victim: LoggedInUser, picture: Path, name: str
) -> None:
    file = (name or "blank", io.BytesIO(picture.read_bytes()), "image/jpeg")
    answer = victim.call("POST", "/api/v2/media", files={"file": file})
    assert answer.status_code in (200, 400, 422), answer.text[:300]
    if answer.status_code == 200:
        kept = answer.json()["url"].rpartition("/")[2]
        assert kept.replace("_", "").replace("-", "").replace(".", "").isalnum()
        assert "evil" not in kept


def test_markup_in_a_name_or_a_note_is_shown_as_text(anna: LoggedInUser, ben: LoggedInUser) -> None:
    evil = "<script>alert(1)</script>"
    anna.client.account_update_credentials(note=evil, fields=[("<b>x", f"{evil}")])
    seen = ben.client.account(anna.id)
    assert "<script" not in seen.note
    assert "<script" not in seen.fields[0].value
    post = anna.client.status_post(f'{evil} javascript:alert(1) "><img src=x onerror=y>')
    assert "<script" not in post.content
    assert "<img" not in post.content
    assert 'href="javascript' not in post.content
