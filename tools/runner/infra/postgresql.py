"""PostgreSQL behind a state store. Each service has a login, and a schema of its own."""

import os
import pwd
import shutil
import signal
import socket
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tools.runner.config.paths import write_private
from tools.runner.config.secrets import POSTGRESQL
from tools.runner.errors import RunnerError
from tools.runner.http_client import thread_probe
from tools.runner.infra.broker_logins import BrokerLogin, create_logins
from tools.runner.infra.servers import ManagedServer, ServerContext, external, require_program
from tools.runner.supervisor.process import ProcessSpec
from tools.runner.supervisor.replicas import base_env

_CONF = """\
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
# A sidecar keeps up to four connections for each store.
max_connections = 400
max_wal_size = 256MB
log_min_messages = warning
"""
_HBA = "host all all 127.0.0.1/32 scram-sha-256\n"
_SUPERUSER = "microgram"
_DATABASE = "postgres"
_STARTUP = struct.pack("!ii", 9, 196_608) + b"\0"
"""The first message of a client of protocol 3.0, without a user."""


def set_up(context: ServerContext) -> ManagedServer:
    """Use the server that the secret names, else start a private one."""
    if server := external(context, "postgresql", POSTGRESQL):
        return server
    port, data = next(context.ports), context.run.path / "postgresql"
    program = Path(require_program("postgres", package="postgresql"))
    template = f"postgres://{{user}}:{{password}}@127.0.0.1:{port}/{_DATABASE}"
    logins = create_logins(context, POSTGRESQL, template)
    if not (data / "PG_VERSION").exists():
        _create(program.with_name("initdb"), data)
    write_private(data / "postgresql.conf", _CONF.format(port=port))
    write_private(data / "pg_hba.conf", _HBA)
    command = (*_not_root(), str(program))
    _create_schemas([*command, "--single", "-D", str(data), _DATABASE], logins)
    spec = ProcessSpec(
        name="postgresql",
        argv=(*command, "-D", str(data)),
        cwd=data,
        env=base_env(context.run),
        probe=thread_probe(lambda: _accepts(port)),
        stop_timeout=10.0,
        stop_signal=signal.SIGINT,  # at SIGTERM it would wait until every client has gone
    )
    return ManagedServer("postgresql", f"127.0.0.1:{port}", spec, logins=frozenset({POSTGRESQL}))


def _create(initdb: Path, data: Path) -> None:
    """Create the files of a server; an interrupted one is created again."""
    shutil.rmtree(data, ignore_errors=True)
    partial = data.with_name("postgresql.partial")
    shutil.rmtree(partial, ignore_errors=True)
    options = ["--encoding=UTF8", "--locale=C", f"--username={_SUPERUSER}", "--auth=reject"]
    _run([*_not_root(), str(initdb), *options, "-D", str(partial)], "")
    partial.rename(data)


def _create_schemas(command: list[str], logins: Iterable[BrokerLogin]) -> None:
    """Create what is missing, before the server can be reached.

    In this mode a line is a statement.
    """
    lines = [
        f"REVOKE ALL ON {what} FROM PUBLIC"
        for what in ("SCHEMA public", f"DATABASE {_DATABASE}", "DATABASE template1")
    ]
    for login in logins:
        name, role = login.app, f'"{login.app}"'
        lines += [
            f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}') "
            f"THEN CREATE ROLE {role}; END IF; END $$",
            f"ALTER ROLE {role} LOGIN PASSWORD '{login.password}'",
            f"GRANT CONNECT ON DATABASE {_DATABASE} TO {role}",
            f"CREATE SCHEMA IF NOT EXISTS {role} AUTHORIZATION {role}",
        ]
    said = _run(command, "".join(f"{line};\n" for line in lines))
    if "ERROR:" in said:
        raise RunnerError(f"PostgreSQL could not create the logins of services:\n{said}")


def _run(command: list[str], given: str) -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RunnerError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stderr


def _not_root() -> tuple[str, ...]:
    """Return what a command begins with that must not run as root, if this is root.

    The server refuses root. In a user namespace of its own it is another user by name, and its
    files still belong to root.
    """
    if os.geteuid() != 0:
        return ()
    user = pwd.getpwnam("daemon")
    command = ("unshare", "--user", f"--map-user={user.pw_uid}", f"--map-group={user.pw_gid}", "--")
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
        return command
    raise RunnerError(
        "PostgreSQL refuses to run as root, and this system permits no user namespace: start "
        "./tye-like-run.sh as another user"
    )


def _accepts(port: int) -> bool:
    """Return whether the server asks for a login; one that recovers from a crash does not yet."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2.0) as connection:
            connection.sendall(_STARTUP)
            answer = connection.recv(512)
    except OSError:
        return False
    # Without a user it refuses; 57P03 says that it is not ready.
    return answer[:1] == b"E" and b"57P03" not in answer
