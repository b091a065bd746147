"""The images of the tests: nothing is pulled, so what deploy/Containerfile begins with is made.

The base and the servers are of Debian's packages, from where this machine gets its own; Dapr's
programs are those of local runs.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from tests.containers.engine import Engine
from tools.container.runtime_lock import runtime_lock
from tools.runner.config.paths import REPO
from tools.runner.infra import toolchain

SERVICES = "localhost/microgram:test"
DAPR = "localhost/microgram-dapr:test"
_PROGRAMS = ("daprd", "placement", "scheduler", "sentry")
_SERVERS = """\
FROM {base}
RUN usermod -u 999 rabbitmq && groupmod -g 999 rabbitmq && mkdir -p /data && \\
    chown -R 999:999 /data /var/lib/rabbitmq
ENV PATH=/usr/lib/rabbitmq/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/var/lib/rabbitmq
"""
_PIP = "[install]\nno-index = true\nfind-links = /wheels\n"


def build_all(engine: Engine) -> str:
    """Build the images of the project; return the name of that of RabbitMQ and Redis."""
    base = _debian(engine, "base", "python3", "python3-venv", "ca-certificates")
    dapr = _dapr_programs(engine)
    lock, pip = _wheels(engine), engine.folder / "pip.conf"
    pip.write_text(_PIP)
    for target, name in (("dapr", DAPR), ("services", SERVICES)):
        engine.build(
            REPO,
            name,
            *("--file", REPO / "deploy/Containerfile", "--target", target),
            *("--build-arg", f"BASE={base}", "--build-arg", f"DAPR={dapr}"),
            *("--secret", f"id=pip,src={pip}", "--volume", f"{lock}:/wheels:ro"),
        )
    return build_servers(engine)


def build_servers(engine: Engine) -> str:
    """Return an image with RabbitMQ and Redis, with the users of the official ones."""
    raw = _debian(engine, "servers", "rabbitmq-server", "redis-server", "ca-certificates")
    context = _context(engine, "servers", _SERVERS.format(base=raw))
    name = f"{raw}-ready"
    engine.build(context, name)
    return name


def _dapr_programs(engine: Engine) -> str:
    """Return an image with Dapr's programs in its root, as the official one."""
    text = f"FROM scratch\nCOPY {' '.join(_PROGRAMS)} /\n"
    context = _context(engine, "dapr", text)
    key = hashlib.sha256()
    for program in _PROGRAMS:
        built = toolchain.require_tool(program)
        key.update(f"{built} {built.stat().st_mtime_ns}".encode())
        shutil.copy2(built, context / program)
    name = f"localhost/microgram-test/dapr:{key.hexdigest()[:12]}"
    if not engine.has_image(name):
        engine.build(context, name)
    return name


def _context(engine: Engine, name: str, containerfile: str) -> Path:
    context = engine.folder / "contexts" / name
    context.mkdir(parents=True, exist_ok=True)
    (context / "Containerfile").write_text(containerfile)
    return context


def _debian(engine: Engine, name: str, *packages: str) -> str:
    """Return an image of a minimal Debian with some packages, of the release of this machine."""
    release = _release()
    image = f"localhost/microgram-test/{name}:{release}"
    if not engine.has_image(image):
        root = engine.folder / f"{name}.root"
        archive = root.with_suffix(".tar")
        downloads = engine.folder / "debs"
        downloads.mkdir(exist_ok=True)
        shutil.rmtree(root, ignore_errors=True)
        command = ["debootstrap", "--variant=minbase", f"--cache-dir={downloads}"]
        command += [f"--include={','.join(packages)}", release, str(root), _mirror()]
        subprocess.run(command, check=True, capture_output=True)
        shutil.rmtree(root / "var/cache/apt/archives")
        subprocess.run(["tar", "-C", str(root), "-cf", str(archive), "."], check=True)
        engine.podman("import", "--quiet", "-", image, stdin=archive)
        archive.unlink()
        shutil.rmtree(root)
    return image


def _release() -> str:
    lines = Path("/etc/os-release").read_text().splitlines()
    return next(line.partition("=")[2] for line in lines if line.startswith("VERSION_CODENAME="))


def _mirror() -> str:
    """Return where this machine gets Debian's packages."""
    command = ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.split()[0]


def _wheels(engine: Engine) -> Path:
    """Return a folder with the wheels of the image, from where this machine gets packages."""
    project = (REPO / "pyproject.toml").read_text()
    lock = runtime_lock((REPO / "requirements.lock").read_text(), project)
    folder = engine.folder / f"wheels-{hashlib.sha256(lock.encode()).hexdigest()[:12]}"
    if not folder.exists():
        part = folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        (part / "runtime.lock").write_text(lock)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--require-hashes", "--only-binary", ":all:", "--dest", str(part)]
        subprocess.run([*command, "-r", str(part / "runtime.lock")], check=True)
        part.rename(folder)
    return folder
