"""State in Redis, all services in one server: copied as of one instant while sidecars write.

Redis gives a replica its whole data set as of one instant: it forks, and the child writes what the
parent had. The copy asks for that as a replica does (`redis-cli --rdb`), and reads it in a private
server that listens on a socket file only. Nothing is asked of the server itself.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from tools.runner.backup.documents import StoredDocument
from tools.runner.backup.redis_connection import RedisConnection
from tools.runner.config.paths import RunDir
from tools.runner.config.secrets import REDIS, SecretsFile
from tools.runner.errors import RunnerError
from tools.runner.infra import redis
from tools.runner.infra.servers import require_program
from tools.runner.supervisor.replicas import base_env

_TIMEOUT = 600.0
"""Seconds for one reply: a private server first reads its data."""

_BATCH_SIZE = 500
_ENGINE = "dapr.internal."
"""What follows the app-id in keys of the engine of workflows, which shares the server."""


class RedisStore:
    """The keys of all services in one Redis: at an address, or in the folder of the runner's own.

    No server may run in that folder. What is read from either passes through a copy.
    """

    def __init__(
        self, run: RunDir, apps: Iterable[str], *, address: str = "", password: str = ""
    ) -> None:
        self._run = run
        self._apps = frozenset(apps)
        self._folder = run.path / "redis"
        self._address = address
        self._password = password

    @classmethod
    def of(
        cls, metadata: Mapping[str, Mapping[str, Any]], run: RunDir, secrets: SecretsFile
    ) -> RedisStore:
        """Return the server that components name, given as metadata by app-id."""
        own = next(iter(metadata.values()))
        if own.get("keyPrefix", "appid") != "appid":
            raise RunnerError("the keys in Redis do not begin with the app-id (keyPrefix: appid)")
        password = secrets.get(str(own.get("redisPassword"))) or ""
        return cls(run, metadata, address=str(own["redisHost"]), password=password)

    @classmethod
    def private(cls, run: RunDir, apps: Iterable[str]) -> RedisStore:
        """Return the folder of the server that the runner starts.

        Raises RunnerError if it would use the server of another process instead.
        """
        known = SecretsFile(run.secrets).get(REDIS) or ""
        if run.is_default and any(map(redis.is_shared, (known, ""))):
            raise RunnerError(
                f"a Redis of another process listens on {redis.PORT}, and {run.path} would use it: "
                "only a Redis of the runner's own can be filled. Stop it, or use --run-dir"
            )
        return cls(run, apps)

    @contextmanager
    def snapshot(self) -> Iterator[Iterator[StoredDocument]]:
        """See `CopiedStore`. Raises RunnerError if the server gives no copy."""
        copy = self._run.backup_staging / "redis"
        if self._address:
            copy.mkdir(parents=True, mode=0o700)
            self._fetch(copy / "dump.rdb")
        else:  # not in the folder itself: a server removes what expires, and cuts a torn end
            shutil.copytree(self._folder, copy)
        with_log = "no" if self._address else "yes"
        with _private_server(self._run, copy, "--appendonly", with_log) as connection:
            yield self._read(connection)
        shutil.rmtree(copy)

    def _fetch(self, dump: Path) -> None:
        host, _, port = self._address.rpartition(":")
        server = Path(require_program("redis-server"))
        beside = server.with_name("redis-cli")
        command = [str(beside if beside.exists() else "redis-cli"), "-h", host, "-p", port]
        done = subprocess.run(
            [*command, "--rdb", str(dump)],
            env=dict(os.environ) | ({"REDISCLI_AUTH": self._password} if self._password else {}),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not dump.exists() or not dump.stat().st_size:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise RunnerError(
                f"Redis at {self._address} gives no copy: {said[-1] if said else 'no answer'}"
            )

    def _read(self, connection: RedisConnection) -> Iterator[StoredDocument]:
        for keys in connection.scan(_BATCH_SIZE):
            own = [key for key in keys if self._is_document(key)]
            rows = connection.pipeline(
                [
                    command
                    for key in own
                    for command in (("HMGET", key, "data", "first-write"), ("PTTL", key))
                ]
            )
            for key, (value, mark), left in zip(own, rows[::2], rows[1::2], strict=True):
                ttl = -(-left // 1000) if left >= 0 else None
                if value is not None and left != 0:
                    yield StoredDocument(key.decode(), value, ttl, mark is not None)

    def _is_document(self, key: bytes) -> bool:
        app, _, rest = key.decode(errors="replace").partition("||")
        return app in self._apps and not rest.startswith(_ENGINE)

    def size(self) -> int:
        """See `CopiedStore`."""
        if not self._address:
            return sum(path.stat().st_size for path in self._folder.rglob("*") if path.is_file())
        host, _, port = self._address.rpartition(":")
        try:
            with closing(RedisConnection((host, int(port)), self._password, 10.0)) as connection:
                lines = connection.call("INFO", "memory").decode().splitlines()
        except OSError as error:
            raise RunnerError(
                f"Redis at {self._address} does not answer ({error}): start it with "
                "./tye-like-run.sh up --detach"
            ) from None
        return next(int(line[12:]) for line in lines if line.startswith("used_memory:"))

    def is_empty(self) -> bool:
        """See `CopiedStore`."""
        return not self._folder.exists() or not any(self._folder.iterdir())

    def load(self, documents: Iterable[StoredDocument]) -> None:
        """See `CopiedStore`."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        rest = iter(documents)
        with _private_server(self._run, self._folder, "--appendonly", "yes") as connection:
            while batch := list(islice(rest, _BATCH_SIZE)):
                connection.pipeline([command for each in batch for command in _commands(each)])

    def clear(self) -> None:
        """See `CopiedStore`."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _commands(document: StoredDocument) -> Iterator[tuple[str | bytes | int, ...]]:
    """Yield what stores a document as Dapr's component does."""
    mark = ("first-write", 0) if document.first_write else ()
    yield ("HSET", document.key, "data", document.value, "version", 1, *mark)
    if document.ttl is not None:
        yield ("PEXPIRE", document.key, document.ttl * 1000)


@contextmanager
def _private_server(run: RunDir, folder: Path, *options: str) -> Iterator[RedisConnection]:
    """Run a server on a folder's data, for this process only.

    It is stopped at the end, and has written and synced its log then. It carries the mark of the
    run directory, which a title would overwrite: `down` stops one that a killed command left.
    """
    with tempfile.TemporaryDirectory(prefix="microgram-redis-") as own:
        log, path = Path(own) / "redis.log", f"{own}/redis.sock"
        command = [require_program("redis-server"), "--port", "0", "--unixsocket", path]
        command += ["--dir", str(folder), "--save", "", "--appendfsync", "no", *options]
        command += ["--logfile", str(log), "--maxmemory-policy", "noeviction"]
        command += ["--set-proc-title", "no"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=base_env(run))
        try:
            with closing(_connect(path, process, log)) as connection:
                yield connection
        finally:
            process.terminate()
            process.wait(_TIMEOUT)


def _connect(path: str, process: subprocess.Popen[bytes], log: Path) -> RedisConnection:
    deadline = time.monotonic() + _TIMEOUT
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            connection = RedisConnection(path, "", _TIMEOUT)
            if _is_loaded(connection):
                return connection
            connection.close()
        time.sleep(0.02)
    said = log.read_text(errors="replace") if log.exists() else ""
    raise RunnerError(f"redis-server does not start:\n{said}")


def _is_loaded(connection: RedisConnection) -> bool:
    """Return whether a server has read its data. It refuses commands until then."""
    try:
        connection.call("PING")
    except RunnerError:
        return False
    return True
