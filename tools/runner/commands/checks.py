"""The verbs that run something else: `test` and `bench`."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tools.runner.commands import coverage, workflows
from tools.runner.commands.junit import JunitReport
from tools.runner.config.paths import REPO
from tools.runner.config.topology import CONTROL_PLANE, ETCD
from tools.runner.errors import RunnerError
from tools.runner.infra import debian, monitoring, toolchain

_BIN = Path(sys.executable).parent
_CHECKS = {
    "format": ["ruff", "format", "--check", "."],
    "lint": ["ruff", "check", "."],
    "types": ["mypy"],
    "imports": ["lint-imports"],
}
_PYTEST = [str(_BIN / "python"), "-m", "pytest", "--durations=20"]
_WITHOUT_SIDECARS = ["tests/unit", "tests/services"]
_ON_ALL_CORES = ["-n", "auto", "--dist", "worksteal"]
_FAST = ["-n", str(2 * (os.cpu_count() or 1)), "--dist", "worksteal"]
"""Half of the time of `tests/unit` is waiting for processes and for intervals that they set. Tests
of services measure processor time, which more workers than cores would raise."""

_WITH_SIDECARS = ["tests/contract", "tests/conformance", "tests/e2e", "tests/chaos"]
_WITH_GUESTS = ["tests/conformance", "tests/e2e", "tests/chaos", "tests/guests"]
_ONE_SYSTEM_PER_WORKER = ["--dist", "loadscope", "-n"]
_TWO_SYSTEMS = [*_ONE_SYSTEM_PER_WORKER, "2"]
_THREE_SYSTEMS = [*_ONE_SYSTEM_PER_WORKER, "3"]
"""End-to-end tests leave a third of two cores idle: the crash tests run beside them."""

_RUNNING_SYSTEM = "tests of a running system"

CONTAINER_PACKAGES = ("podman", "runc", "iptables", "netavark", "aardvark-dns", "debootstrap")
"""The Debian packages with which containers are built and run."""

_NO_TESTS_COLLECTED = 5
"""The exit code of pytest where no test matches the arguments."""


_SKIPPED = "skipped: "
"""How the output of a stage begins that could not be run, with the reason."""


@dataclass(frozen=True)
class StageResult:
    """What one stage of `test` came to."""

    name: str
    code: int
    seconds: float
    output: str = ""

    @property
    def ok(self) -> bool:
        return self.code in (0, _NO_TESTS_COLLECTED)

    def __str__(self) -> str:
        minutes, seconds = divmod(self.seconds, 60)
        state = "ok" if self.ok else "FAILED"
        why = f", {self.output}" if self.ok and self.output.startswith(_SKIPPED) else ""
        return f"{self.name:<24} {state:<7} {minutes:.0f}:{seconds:04.1f} min{why}"


def test(fast: bool, arguments: list[str]) -> int:
    """Run the static checks beside the tests; return non-zero if any of them failed.

    Where the arguments name tests, only those are run. Others, such as `-k saga`, must fit a test
    of one of the two parts at least. Prints the time of each stage at the end.
    """
    if not fast and not arguments:
        _install_promtool()
    with ThreadPoolExecutor() as pool:
        checks = [pool.submit(_check, name, command) for name, command in _CHECKS.items()]
        checks.append(pool.submit(_timed, "workflows", workflows.lint))
        stages, tests = _run_parts(_parts(fast, arguments), arguments)
        return _summarize([*(future.result() for future in checks), *stages], tests)


def _install_promtool() -> None:
    """Install what the tests of alerts need, where root on Debian: 11 s, once.

    Elsewhere, and where that fails, these tests are skipped with the reason.
    """
    if debian.can_install():
        with contextlib.suppress(RunnerError):
            monitoring.require_programs()


def test_coverage(arguments: list[str]) -> int:
    """Run the unit tests, or those named, and report which lines they reach.

    Raises RunnerError if pytest-cov cannot be installed.
    """
    os.environ["PYTHONPATH"] = str(coverage.install())
    os.environ["COVERAGE_FILE"] = str(coverage.OUTPUT / "lines")
    parts = [(name, [*part, *coverage.options()]) for name, part in _parts(True, arguments)]
    return _summarize(*_run_parts(parts, arguments))


def test_official_daprd(arguments: list[str]) -> int:
    """Run the contract tests on the official daprd; return non-zero if they failed."""
    os.environ["MICROGRAM_DAPRD"] = "all"
    return _run_suites(["tests/contract"], _TWO_SYSTEMS, arguments)


def test_matrix(arguments: list[str]) -> int:
    """Run suites and a benchmark on component sets; return non-zero if a test failed."""
    return _call([str(_BIN / "python"), "-m", "tools.matrix", *arguments])


def test_browser(arguments: list[str]) -> int:
    """Run the tests of the web app in a real browser; return non-zero if they failed.

    On Debian as root, Chromium is installed where it is missing; elsewhere the tests are skipped.
    """
    if shutil.which("chromium") is None and debian.can_install():
        debian.install("chromium")
    return _run_suites(["tests/browser"], _TWO_SYSTEMS, arguments)


def test_backup(arguments: list[str]) -> int:
    """Run the tests of backup, upgrade, migrate and switch; return non-zero if they failed."""
    return _run_suites(["tests/backup"], _TWO_SYSTEMS, arguments)


OWN_MOUNTS = "MICROGRAM_OWN_MOUNTS"
"""Says that tests have mounts, and a network, of their own, and so may mount over /etc/hosts."""


def test_kubernetes(arguments: list[str]) -> int:
    """Apply deploy/kubernetes to an API server; return non-zero if it refused something.

    The tests have a network of their own, which nobody else reaches (tests/kubernetes/network.py).
    Raises RunnerError without kubectl, if the programs cannot be built, or if this machine gives no
    such network.
    """
    from tools.kubernetes import programs

    if shutil.which("kubectl") is None:
        raise RunnerError(
            "kubectl is missing, and is not built here: put one for Kubernetes "
            f"{programs.version()} on PATH"
        )
    alone = _own_network()
    toolchain.require_tools(["daprd", "sentry"])
    programs.require_all()
    os.environ[OWN_MOUNTS] = "1"
    command = [*alone, *_PYTEST, *_chosen(["tests/kubernetes"], arguments), *arguments]
    return _summarize([], [_timed("tests on an API server", lambda: (_call(command), ""))])


def _own_network() -> list[str]:
    """Return the command that starts another one in a network, and with mounts, of its own."""
    command = ["unshare", "--net", "--mount"]
    if os.geteuid():
        command += ["--user", "--map-root-user"]
    done = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RunnerError(
            f"this machine gives no network of its own: {done.stderr.strip()}. Run it as root, or "
            "allow user namespaces (`sysctl kernel.unprivileged_userns_clone`)"
        )
    return command


def test_learn(arguments: list[str]) -> int:
    """Run the commands of docs/learn on a running system; return non-zero if one differs."""
    return _run_suites(["tests/learn"], [], arguments)


def test_containers(arguments: list[str]) -> int:
    """Run the tests of images and the compose project; return non-zero if they failed.

    On Debian as root, podman and what it needs are installed where they are missing; elsewhere the
    tests are skipped. The first run makes the base of the images, which belongs to its first test.
    """
    for package in CONTAINER_PACKAGES:
        if debian.can_install() and not debian.is_installed(package):
            debian.install(package)
    return _run_suites(["tests/containers"], ["--timeout=3600"], arguments)


def test_guests(arguments: list[str]) -> int:
    """Run suites with a guest in the place of its service; return non-zero if they failed."""
    os.environ["MICROGRAM_GUEST"] = "comments=go"
    return _run_suites(_WITH_GUESTS, _TWO_SYSTEMS, arguments)


def test_scaffold(arguments: list[str]) -> int:
    """Run the tests of what `new` writes; return non-zero if they failed."""
    return _run_suites(["tests/scaffold"], _TWO_SYSTEMS, arguments)


def test_conformance(arguments: list[str], environment: Mapping[str, str]) -> int:
    """Run the conformance kit; return non-zero if it found a fault."""
    os.environ.update(environment)
    return _run_suites(["tests/conformance"], _TWO_SYSTEMS, arguments)


def test_observe(arguments: list[str]) -> int:
    """Let alerts fire in a real system; return non-zero if that failed.

    On Debian as root, Prometheus and Alertmanager are installed where they are missing. Raises
    RunnerError where they cannot be.
    """
    monitoring.require_programs()
    return _run_suites(["tests/observability"], [], arguments)


def _run_suites(suites: list[str], options: list[str], arguments: list[str]) -> int:
    """Run suites of a running system, or only what the arguments name; return the exit code."""
    part = (_RUNNING_SYSTEM, [*_chosen(suites, arguments), *options])
    return _summarize(*_run_parts([part], arguments))


def _chosen(suites: list[str], arguments: list[str]) -> list[str]:
    """Return the suites, or none where the arguments name tests: pytest would run both."""
    return [] if _name_tests(arguments) else suites


def _run_parts(
    parts: list[tuple[str, list[str]]], arguments: list[str]
) -> tuple[list[StageResult], list[StageResult]]:
    """Run test runs in turn; return the stages between them, and the test runs.

    Tools are built where their progress is seen, and not inside of a test with its time limit.
    """
    stages, tests, report = [], [], JunitReport(arguments)
    for name, part in parts:
        if name == _RUNNING_SYSTEM:
            stages.append(_timed("set-up of the tools", _set_up_tools))
            if not stages[-1].ok:
                break
        tests.append(_run_tests(name, part + report.arguments()))
    report.write()
    return stages, tests


def _set_up_tools() -> tuple[int, str]:
    try:
        toolchain.require_tools(["nats-server", "daprd", "sentry", ETCD, *CONTROL_PLANE])
    except RunnerError as error:
        return 1, str(error)
    return 0, ""


def _parts(fast: bool, arguments: list[str]) -> list[tuple[str, list[str]]]:
    """Return the test runs, cheap ones first: they find a fault before the slow ones begin."""
    if _name_tests(arguments):
        return [("tests", [])]
    if fast:
        return [("tests without sidecars", ["tests/unit", *_FAST])]
    return [
        ("tests without sidecars", [*_WITHOUT_SIDECARS, *_ON_ALL_CORES]),
        (_RUNNING_SYSTEM, [*_WITH_SIDECARS, *_THREE_SYSTEMS]),
    ]


def _name_tests(arguments: list[str]) -> bool:
    paths = [Path(each.split("::")[0]).resolve() for each in arguments]
    return any(path.exists() and path.is_relative_to(REPO / "tests") for path in paths)


def _summarize(checks: list[StageResult], tests: list[StageResult]) -> int:
    for check in checks:
        if not check.ok:
            print(f"\n{check.name} FAILED:\n{check.output}")
    print("\ntime of each stage:", *checks, *tests, sep="\n  ")
    failed = [stage.name for stage in (*checks, *tests) if not stage.ok]
    if tests and all(run.code == _NO_TESTS_COLLECTED for run in tests):
        failed.append("tests: no test matches")
    if failed:
        print(f"\nFAILED: {', '.join(failed)} (see above)")
    sys.stdout.flush()
    return 1 if failed else 0


def _check(name: str, command: list[str]) -> StageResult:
    def run() -> tuple[int, str]:
        done = subprocess.run(
            [str(_BIN / command[0]), *command[1:]],
            cwd=REPO,
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return _timed(name, run)


def _run_tests(name: str, arguments: list[str]) -> StageResult:
    return _timed(name, lambda: (_call([*_PYTEST, *arguments]), ""))


def _timed(name: str, run: Callable[[], tuple[int, str]]) -> StageResult:
    started_at = time.monotonic()
    code, output = run()
    return StageResult(name, code, time.monotonic() - started_at, output)


def bench(arguments: list[str]) -> int:
    """Run the benchmark, and return its exit code."""
    return _call([str(_BIN / "python"), "-m", "bench", *arguments])


def _call(command: list[str]) -> int:
    return subprocess.run(command, cwd=REPO, env=_environment(), check=False).returncode


def _environment() -> dict[str, str]:
    """Return the environment with the programs of .venv (toot, for one) first on PATH.

    Compiled modules and rewritten assertions are kept: each process of pytest starts sooner.
    """
    env = dict(os.environ) | {"PATH": f"{_BIN}{os.pathsep}{os.environ.get('PATH', '')}"}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return env
