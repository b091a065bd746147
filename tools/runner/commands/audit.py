"""The verb `audit`: asks public databases for known vulnerabilities of what is pinned."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tools.runner.config.paths import REPO, user_cache
from tools.runner.errors import RunnerError
from tools.runner.infra import go_build, pinned_packages, toolchain
from tools.runner.infra.go_build import GoProgram

_HOME = REPO / "tools" / "audit"
_TIMEOUT = 300  # seconds for one answer; a network that swallows requests is found out by it
_ADVICE = "Check the network, and run the same command again."
_GO_PACKAGES = ["./daprd", "./controlplane", toolchain.PACKAGES["nats-server"]]
_NO_DATABASE = "fetching vulnerabilities"
"""What govulncheck was doing, by its message, where it could not reach its database."""


@dataclass(frozen=True)
class AuditResult:
    """What became of one audit, and why."""

    name: str
    state: Literal["ok", "skipped", "FAILED"]
    why: str

    def __str__(self) -> str:
        return f"{self.name:<18} {self.state:<8} {self.why}"


def audit() -> int:
    """Audit Python packages and Go modules; return 1 if one has a known vulnerability.

    An audit whose tool or database cannot be reached is skipped with the reason.
    """
    with ThreadPoolExecutor() as pool:
        results = list(pool.map(_tried, _AUDITS))
    print(*results, sep="\n")
    return int(any(result.state == "FAILED" for result in results))


def _tried(name: str) -> AuditResult:
    try:
        return _AUDITS[name](name)
    except RunnerError as error:
        return AuditResult(name, "skipped", str(error))
    except subprocess.TimeoutExpired:
        return AuditResult(name, "skipped", f"no answer within {_TIMEOUT} s")


def _python_packages(name: str) -> AuditResult:
    requirements = _HOME / "pip-audit.txt"
    key = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    home = user_cache() / f"pip-audit-{key}"
    pinned_packages.install(requirements, home, "fetching pip-audit", _ADVICE)
    command = [sys.executable, "-m", "pip_audit", "--requirement", "requirements.lock"]
    command += ["--require-hashes", "--disable-pip", "--progress-spinner", "off", "-f", "json"]
    done = _run(command, REPO, {"PYTHONPATH": str(home)})
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        return AuditResult(name, "skipped", _last_line(done.stderr))
    return judge_packages(name, packages)


def judge_packages(name: str, packages: list[dict[str, Any]]) -> AuditResult:
    """Return what the answer of pip-audit means."""
    unknown = [each["skip_reason"] for each in packages if "skip_reason" in each]
    found = [
        f"{each['name']} {each['version']}: {flaw['id']}, fixed in {flaw['fix_versions']}"
        for each in packages
        for flaw in each.get("vulns", ())
    ]
    if found:
        return AuditResult(name, "FAILED", "\n  ".join(("", *found)))
    if len(unknown) == len(packages):
        return AuditResult(name, "skipped", f"no database: {unknown[0] if unknown else 'empty'}")
    return AuditResult(name, "ok", f"{len(packages) - len(unknown)} looked up, {len(unknown)} not")


def _go_modules(name: str) -> AuditResult:
    """Audit the packages that are compiled into our programs, not all modules that go.mod lists."""
    cache = toolchain.cache_dir()
    program = _govulncheck(cache)
    go_build.build([program], cache, toolchain.version())
    go = Path(go_build.go_program(cache)).parent
    command = [str(program.target), "-scan", "package", *_GO_PACKAGES]
    done = _run(command, toolchain.MODULE, {"PATH": f"{go}{os.pathsep}{os.environ['PATH']}"})
    if done.returncode == 0:
        return AuditResult(name, "ok", "no compiled package has a known vulnerability")
    if _NO_DATABASE in done.stderr:
        return AuditResult(name, "skipped", _last_line(done.stderr))
    return AuditResult(name, "FAILED", f"\n{done.stdout}{done.stderr}")


def _govulncheck(cache: Path) -> GoProgram:
    found = re.search(r"golang\.org/x/vuln (\S+)", (_HOME / "go.mod").read_text())
    if not found:
        raise RunnerError(f"{_HOME / 'go.mod'} does not name the version of govulncheck")
    return GoProgram(
        "govulncheck",
        "golang.org/x/vuln/cmd/govulncheck",
        cache / "bin" / f"govulncheck-{found[1]}",
        module=_HOME,
    )


def _run(
    command: list[str], folder: Path, changed: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env=os.environ | changed,
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT,
    )


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]


_AUDITS = {"Python packages": _python_packages, "Go modules": _go_modules}
