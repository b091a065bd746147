"""Whoever has no credential gets nothing from any port that a system listens on.

Every listening port of every process of the system is tried with every protocol. Health is open,
and what the gateway shows to the public.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import grpc
import psutil
import pytest
import requests

from tests.system import System
from tools.runner.config.paths import MARKER, RunDir
from tools.runner.infra import amqp_client, redis, toolchain

TIMEOUT = 10
PRIVATE_PATHS = (
    *("/v1.0/metadata", "/v1.0/secrets/secretstore/bulk", "/v1.0/state/statestore/x"),
    *("/v1.0/invoke/auth/method/jwks", "/dapr/subscribe", "/dapr/config", "/deadletters"),
    *("/changes?topics=posts", "/revocations", "/ledger", "/logins?ids=1", "/metrics"),
    *("/debug/pprof/", "/debug/vars", "/varz", "/connz", "/v3/kv/range", "/api/overview"),
)


def _field(number: int, content: bytes) -> bytes:
    """One field of a protobuf message: of bytes, a text or a message, up to 127 bytes."""
    return bytes([number << 3 | 2, len(content)]) + content


_CALLER = _field(1, b"dapr-caller-app-id") + _field(2, _field(1, b"gateway"))
_POST_ROLES = _field(1, b"roles") + _field(4, b"\x08\x03")
MAKE_ADMIN = b"\x08\x01" + _field(2, _CALLER) + _field(3, _POST_ROLES)
"""An InternalInvokeRequest of version 1: `POST roles` in the name of the gateway."""


@dataclass(frozen=True)
class Port:
    """A listening port, and the process behind it."""

    number: int
    process: str

    def __str__(self) -> str:
        return f"{self.process}:{self.number}"


def listening(system: System) -> Iterator[Port]:
    marker = RunDir(system.run_dir).marker
    for process in psutil.process_iter(["name", "cmdline"]):
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARKER) == marker:
                for connection in process.net_connections("tcp"):
                    if connection.status == psutil.CONN_LISTEN:
                        yield Port(connection.laddr[1], f"{process.name()} {process.pid}")


@pytest.fixture
def ports(system: System) -> list[Port]:
    found = sorted(set(listening(system)), key=lambda port: port.number)
    assert len(found) > 40, "services, sidecars, Dapr's servers and the broker listen"
    return found


def test_http(ports: list[Port]) -> None:
    for port in ports:
        for path in PRIVATE_PATHS:
            try:
                answer = requests.get(f"http://127.0.0.1:{port.number}{path}", timeout=TIMEOUT)
            except requests.RequestException:  # another protocol
                break
            assert answer.status_code >= 400, f"{path} at {port}: {answer.text[:200]}"


def call(port: Port, method: str, request: bytes) -> grpc.RpcError | bytes:
    with grpc.insecure_channel(f"127.0.0.1:{port.number}") as channel:
        try:
            done: bytes = channel.unary_unary(method)(request, timeout=2, wait_for_ready=False)
        except grpc.RpcError as error:
            return error
        return done


GRPC = {
    "/dapr.proto.internals.v1.ServiceInvocation/CallLocal": MAKE_ADMIN,
    "/dapr.proto.runtime.v1.Dapr/GetMetadata": b"",
    "/dapr.proto.runtime.v1.Dapr/GetBulkSecret": _field(1, b"secretstore"),
    "/TaskHubSidecarService/Hello": b"",
    "/dapr.proto.scheduler.v1.Scheduler/ListJobs": b"",
    "/dapr.proto.sentry.v1.CA/SignCertificate": b"",
    "/etcdserverpb.KV/Range": b"\x0a\x01\x00\x12\x01\x00",
}


@pytest.mark.parametrize("method", GRPC)
def test_grpc(ports: list[Port], method: str) -> None:
    for port in ports:
        answer = call(port, method, GRPC[method])
        assert isinstance(answer, grpc.RpcError), f"{method} at {port} answers {answer!r}"


_POSTGRESQL_USER = struct.pack("!i", 196_608) + b"user\0microgram\0database\0postgres\0\0"
GREETINGS = {
    "NATS": (b'CONNECT {"verbose":true}\r\nSUB > 1\r\nPING\r\n', b"PONG"),
    "MQTT": (b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01x", b"\x20\x02\x00\x00"),
    "PostgreSQL": (
        struct.pack("!i", 4 + len(_POSTGRESQL_USER)) + _POSTGRESQL_USER,
        b"R\0\0\0\x08\0\0\0\0",
    ),
}
"""What somebody without a password says, and what a server answers that lets them in."""


def test_brokers_and_stores(ports: list[Port]) -> None:
    def try_logins(port: Port) -> str:
        if redis.accepts(port.number, ""):
            return f"Redis at {port}"
        if amqp_client.accepts(f"amqp://guest:guest@127.0.0.1:{port.number}/"):
            return f"RabbitMQ at {port}"
        for name, (sent, welcome) in GREETINGS.items():
            if welcome in (said := told(port.number, sent)):
                return f"{name} at {port}: {said!r}"
        return ""

    with ThreadPoolExecutor(24) as pool:  # most ports are silent until a timeout
        assert not list(filter(None, pool.map(try_logins, ports)))


def told(port: int, sent: bytes) -> bytes:
    """What a server says to some bytes, until it is silent."""
    said = b""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 2) as peer:
        peer.settimeout(0.5)
        peer.sendall(sent)
        while chunk := peer.recv(65_536):
            said += chunk
    return said


@pytest.mark.parametrize("token_of", ["posts", ""])
def test_sentry_signs_for_nobody_without_their_token(
    system: System, tmp_path: Path, token_of: str
) -> None:
    """A process that claims to be auth gets no certificate, and so no sidecar's ear."""
    identities = system.run_dir / "identities"
    env = dict(os.environ) | {
        "NAMESPACE": "default",
        "DAPR_TRUST_ANCHORS": (identities / "authority" / "ca.crt").read_text(),
    }
    if token_of:
        env["DAPR_SENTRY_TOKEN_FILE"] = str(identities / f"{token_of}.jwt")
    command = [
        *(str(toolchain.require_tool("daprd")), "--app-id=auth", "--enable-mtls=true"),
        *("--enable-metrics=false", "--dapr-http-port=0", "--dapr-grpc-port=0"),
        *(f"--sentry-address={system.ps()['sentry'].address}", f"--resources-path={tmp_path}"),
    ]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "failed to retrieve the initial identity" in done.stdout + done.stderr


def test_files_are_for_their_owner_only(system: System) -> None:
    homes = system.run_dir / "homes"  # of the clients in these tests
    for folder, _, names in os.walk(system.run_dir):  # which passes over a folder that is gone
        for path in [Path(folder), *(Path(folder, name) for name in names)]:
            if path.is_relative_to(homes):
                continue
            with contextlib.suppress(FileNotFoundError):
                assert path.is_symlink() or path.lstat().st_mode & 0o077 == 0, path
