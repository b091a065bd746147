"""Connections that are slow, endless or broken are cut off, and leave no fault in the log."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from services.chassis.http import http_protocol, websocket_protocol
from services.gateway.http.body import MAX_BODY_BYTES, MAX_CREDENTIAL_BYTES
from tests.fakes import until
from tests.services.gateway.deployment import GatewayDeployment
from tests.services.gateway.graphql_client import a_gateway
from tests.services.gateway.wire import Wire, faults, on_the_wire, rest_of, status_of

CHUNKED = (
    b"POST /oauth/token HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nTransfer-Encoding: chunked\r\n\r\n"
)


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with a_gateway() as deployment, on_the_wire(deployment) as made:
        with faults() as logged:
            yield made
        assert logged == []


@pytest.fixture
def short_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_TIMEOUT", 0.3)
    monkeypatch.setattr(http_protocol, "BODY_INTERVAL", 0.3)
    monkeypatch.setattr(http_protocol, "MIN_BODY_BYTES", 1_000)


def form(path: str, length: int) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Length: {length}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    ).encode()


async def trickle(writer: asyncio.StreamWriter, byte: bytes = b"a") -> None:
    """Send one byte after another until the connection ends."""
    while not writer.is_closing():
        writer.write(byte)
        await asyncio.sleep(0.02)


@pytest.mark.usefixtures("short_intervals")
@pytest.mark.parametrize(
    "begin",
    [
        b"GET / HTTP/1.1\r\nX-A: ",
        form("/oauth/token", 10_000),
        form("/graphql", 10_000),
        CHUNKED + b"ff\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Length: 100000\r\n\r\n",
    ],
)
async def test_a_slow_head_or_body_is_cut_off_though_it_goes_on(wire: Wire, begin: bytes) -> None:
    async with wire.connection() as (reader, writer):
        writer.write(begin)
        going = asyncio.create_task(trickle(writer))
        await rest_of(reader)
    await going


@pytest.mark.usefixtures("short_intervals")
async def test_a_body_at_the_least_pace_arrives(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = 0
    check = http_protocol.BoundedHttpProtocol._check_pace

    def checked(protocol: http_protocol.BoundedHttpProtocol) -> None:
        nonlocal checks
        check(protocol)
        checks += 1

    monkeypatch.setattr(http_protocol.BoundedHttpProtocol, "_check_pace", checked)
    head = form("/oauth/token", 8_000).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    async with wire.connection() as (reader, writer):
        writer.write(head)
        for done in range(8):
            await until(lambda: checks == done)  # noqa: B023 (it is called at once)
            writer.write(b"a" * 1_000)  # what an interval needs
        assert status_of(await rest_of(reader)) >= 400


@pytest.mark.parametrize(
    "more",
    [
        b"X: a\r\n" * (http_protocol.MAX_HEADERS + 1),
        b"Cookie: " + b"a" * 3 * http_protocol.MAX_HEAD_BYTES + b"\r\n",
    ],
)
async def test_too_many_or_long_headers_are_refused(wire: Wire, more: bytes) -> None:
    answer = await wire.ask(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n" + more + b"\r\n")
    assert status_of(answer) in (0, 400)
    assert b'"ok"' not in answer


async def test_a_long_address_is_refused(wire: Wire) -> None:
    target = b"/healthz?" + b"a" * http_protocol.MAX_TARGET_BYTES
    answer = await wire.ask(b"GET %b HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n" % target)
    assert status_of(answer) == 400


async def test_a_body_in_pieces_of_a_byte_is_refused(wire: Wire) -> None:
    head = (
        b"POST /oauth/token HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    answer = await wire.ask(head + b"1\r\na\r\n" * (http_protocol.MAX_PIECES + 100))
    assert status_of(answer) == 400


async def test_a_body_without_end_is_cut_off_after_its_response(wire: Wire) -> None:
    piece, sent = b"a" * 65_536, 0
    async with wire.connection() as (reader, writer):
        writer.write(form("/api/v1/apps", 1 << 40))
        assert status_of(await reader.readuntil(b"\r\n\r\n")) == 413
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof() and sent < 100 * http_protocol.MAX_DISCARDED_BYTES:
                writer.write(piece)
                await writer.drain()
                sent += len(piece)
                await asyncio.sleep(0)
    assert sent < 100 * http_protocol.MAX_DISCARDED_BYTES


async def test_the_body_of_a_get_is_not_read(wire: Wire) -> None:
    body = b"response_type=code&client_id=1"
    request = (
        b"GET /oauth/authorize HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nConnection: close\r\n%b\r\n\r\n"
    )
    kind = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "
    without = await wire.ask(request % b"A: b")
    with_one = await wire.ask(request % (kind + b"%d" % len(body)) + body)
    declared = await wire.ask(request % (kind + b"%d" % (1 << 40)))
    assert status_of(with_one) == status_of(without) == status_of(declared) == 400


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/login", MAX_CREDENTIAL_BYTES),
        ("/oauth/authorize", MAX_CREDENTIAL_BYTES),
        ("/oauth/token", MAX_CREDENTIAL_BYTES),
        ("/oauth/revoke", MAX_CREDENTIAL_BYTES),
        ("/auth/sign_up", MAX_CREDENTIAL_BYTES),
        ("/auth/delete", MAX_CREDENTIAL_BYTES),
        ("/auth/archive", MAX_CREDENTIAL_BYTES),
        ("/auth/password", MAX_CREDENTIAL_BYTES),
        ("/auth/password/edit", MAX_CREDENTIAL_BYTES),
        ("/api/v1/apps", MAX_BODY_BYTES),
    ],
)
async def test_forms_are_bounded_by_what_they_are_for(wire: Wire, path: str, most: int) -> None:
    async with wire.connection() as (reader, writer):
        writer.write(form(path, most + 1))
        async with asyncio.timeout(20):
            assert b"too large" in await reader.readuntil(b"too large")


# ── WebSocket ───────────────────────────────────────────────────────────────────────────────

SHAKE = (
    b"GET /api/v1/streaming HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
PING, TEXT, FIRST, NEXT, CLOSE = 0x89, 0x81, 0x01, 0x00, 0x88


def frame(first: int, message: bytes = b"") -> bytes:
    """A frame of a client, masked with zeros."""
    size = len(message)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes([first]) + length + b"\0\0\0\0" + message


async def told(deployment: GatewayDeployment, frames: bytes) -> bytes:
    """What the server sends to a socket with these frames, to the end of the connection."""
    ada = await deployment.register("ada")
    authorized = SHAKE + f"Authorization: Bearer {ada.token}\r\n\r\n".encode()
    with faults() as logged:
        async with on_the_wire(deployment) as wire, wire.connection() as (reader, writer):
            writer.write(authorized)
            assert status_of(await reader.readuntil(b"\r\n\r\n")) == 101
            writer.write(frames)
            answer = await rest_of(reader)
    assert logged == []
    return answer


@pytest.mark.parametrize("more", [b"", frame(CLOSE, b"\x03\xe8")])
async def test_text_that_is_no_utf8_closes_the_socket(
    deployment: GatewayDeployment, more: bytes
) -> None:
    answer = await told(deployment, frame(TEXT, b"\xff") + more)
    assert answer[:1] == bytes([CLOSE])


@pytest.mark.parametrize("flood", [frame(PING), frame(FIRST) + frame(NEXT), frame(TEXT, b"{}")])
async def test_a_flood_of_frames_closes_the_socket(
    deployment: GatewayDeployment, flood: bytes
) -> None:
    many = flood + flood[-6:] * 500 if flood[:1] == bytes([FIRST]) else flood * 500
    answer = await told(deployment, many)
    assert bytes([CLOSE, 2]) + websocket_protocol.POLICY.to_bytes(2, "big") in answer


async def test_a_handshake_that_cannot_be_read_is_cut_off(wire: Wire) -> None:
    answer = await wire.ask(SHAKE + b"X-A: " + b"a" * 20_000 + b"\r\n\r\n")
    assert status_of(answer) == 0
