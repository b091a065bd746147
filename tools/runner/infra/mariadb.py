"""MariaDB behind a state store. Each service has a login, and a database that no other can read."""

import getpass
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tools.runner.config.paths import write_private
from tools.runner.config.secrets import MARIADB
from tools.runner.errors import RunnerError
from tools.runner.http_client import tcp_probe
from tools.runner.infra.broker_logins import BrokerLogin, create_logins
from tools.runner.infra.servers import ManagedServer, ServerContext, external, require_program
from tools.runner.supervisor.process import ProcessSpec
from tools.runner.supervisor.replicas import base_env

_CONF = """\
[mariadbd]
datadir = {data}
bind-address = 127.0.0.1
port = {port}
socket = mariadb.sock
pid-file = mariadb.pid
init-file = {statements}
user = {user}
skip-name-resolve
max_connections = 500
# A document of 24 MiB, in base64.
max_allowed_packet = 64M
# With the default, creations at the same time lock each other's gaps, and end in deadlocks.
transaction-isolation = READ-COMMITTED
innodb_log_file_size = 48M
"""
_RIGHTS = "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX"


def set_up(context: ServerContext) -> ManagedServer:
    """Use the server that the secret names, else start a private one."""
    if server := external(context, "mariadb", MARIADB):
        return server
    port, data = next(context.ports), context.run.path / "mariadb"
    program = require_program("mariadbd", package="mariadb-server")
    logins = create_logins(context, MARIADB, f"{{user}}:{{password}}@tcp(127.0.0.1:{port})/")
    if not data.exists():
        _create(data)
    conf, statements = context.run.path / "mariadb.cnf", context.run.path / "mariadb.sql"
    write_private(statements, "".join(f"{each};\n" for each in _statements(logins)))
    user = getpass.getuser()
    write_private(conf, _CONF.format(data=data, port=port, statements=statements, user=user))
    spec = ProcessSpec(
        name="mariadb",
        argv=(program, f"--defaults-file={conf}"),
        cwd=data,
        env=base_env(context.run),
        probe=tcp_probe(port),  # it listens when its statements are done
        stop_timeout=10.0,
    )
    return ManagedServer("mariadb", f"127.0.0.1:{port}", spec, logins=frozenset({MARIADB}))


def _create(data: Path) -> None:
    """Create the files of a server; its root can only log in through the socket, as this user."""
    partial = data.with_name("mariadb.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    command = [require_program("mariadb-install-db", package="mariadb-server"), "--no-defaults"]
    command += [f"--datadir={partial}", "--skip-test-db", f"--user={getpass.getuser()}"]
    command.append(f"--auth-root-socket-user={getpass.getuser()}")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RunnerError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    partial.rename(data)


def _statements(logins: Iterable[BrokerLogin]) -> list[str]:
    """Return what creates all databases and logins that are missing.

    Keys are the same only if their bytes are: other collations ignore case, or spaces at the end.
    """
    made = []
    for login in logins:
        user, database = f"'{login.app}'@'127.0.0.1'", f"`{login.app}`"
        made += [
            f"CREATE DATABASE IF NOT EXISTS {database} "
            "CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
            f"CREATE USER IF NOT EXISTS {user}",
            f"ALTER USER {user} IDENTIFIED BY '{login.password}'",
            f"GRANT {_RIGHTS} ON {database}.* TO {user}",
        ]
    return made
