"""HTTP requests of the runner, without an HTTP library, so that commands start fast."""

import asyncio
import contextlib
import re
from collections.abc import Callable, Mapping

from tools.runner.errors import RunnerError
from tools.runner.supervisor.process import Probe

_NOT_READY = re.compile(rb"dapr is not ready: \[([^\]]+)\]")
_OTHER_SERVERS = {b"internal-placement-service", b"scheduler-watch-hosts"}
"""What daprd 1.18 names in its health while it has no connection to placement or a scheduler."""

_HINT = "`ps` shows whether it is ready, `logs` what it logs"


async def request(
    port: int,
    path: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    seconds: float = 2.0,
    body: bytes = b"",
) -> tuple[int, bytes]:
    """Return status and body of one request to a port of the loopback address.

    Raises OSError if nothing answers, and TimeoutError after the given seconds.
    """
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(_head(method, path, port, headers or {}, len(body)) + body)
            return _parsed(await reader.read())
        finally:
            await _close(writer)


async def call_service(
    name: str,
    port: int,
    path: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    seconds: float = 30.0,
    body: bytes = b"",
    accepted: int = 200,
) -> tuple[int, bytes]:
    """Call a service through its sidecar; return a successful or an accepted response.

    Raises RunnerError for any other response, and for none.
    """
    try:
        status, answer = await request(port, path, method, headers, seconds, body)
    except OSError as error:
        why = str(error) or f"no response within {seconds:.0f} s"
        raise RunnerError(f"{name} does not answer: {why} ({_HINT})") from None
    if status >= 300 and status != accepted:
        said = answer.decode(errors="replace")[:300]
        raise RunnerError(f"{name} answers {status}: {said}{f' ({_HINT})' * (status >= 500)}")
    return status, answer


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def _head(method: str, path: str, port: int, headers: Mapping[str, str], length: int) -> bytes:
    fixed = {"Host": f"127.0.0.1:{port}", "Connection": "close", "Content-Length": str(length)}
    lines = [f"{name}: {value}" for name, value in (fixed | dict(headers)).items()]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode()


def _parsed(answer: bytes) -> tuple[int, bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    parts = head.split(b" ", 2)
    if len(parts) < 2 or not parts[1].isdigit():
        raise ConnectionError("not an HTTP response")
    if b"transfer-encoding: chunked" in head.lower():
        body = _unchunked(body)
    return int(parts[1]), body


def _unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size.split(b";")[0] or b"0", 16)
        whole, body = whole + rest[:length], rest[length + 2 :]
        if length == 0:
            break
    return whole


def http_probe(port: int, path: str, headers: Mapping[str, str] | None = None) -> Probe:
    """Return a probe that succeeds if the path answers 2xx."""

    async def probe() -> bool:
        with contextlib.suppress(OSError, TimeoutError, ValueError):
            status, _ = await request(port, path, headers=headers, seconds=5.0)
            return 200 <= status < 300
        return False

    return probe


def sidecar_probe(port: int) -> Probe:
    """Return a probe that succeeds if a sidecar has started, and its subscriptions are made.

    Placement and scheduler may be away: what needs no workflows works without them.
    """

    async def probe() -> bool:
        with contextlib.suppress(OSError, TimeoutError, ValueError):
            status, body = await request(port, "/v1.0/healthz", seconds=5.0)
            missing = _NOT_READY.search(body)
            return 200 <= status < 300 or bool(missing and {*missing[1].split()} <= _OTHER_SERVERS)
        return False

    return probe


def thread_probe(is_ready: Callable[[], bool]) -> Probe:
    """Return a probe that asks in a thread, for a client that blocks."""

    async def probe() -> bool:
        return await asyncio.to_thread(is_ready)

    return probe


def tcp_probe(port: int) -> Probe:
    """Return a probe that succeeds if something listens on the port."""

    async def probe() -> bool:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1.0):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            await _close(writer)
            return True
        return False

    return probe
