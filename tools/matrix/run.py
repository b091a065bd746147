"""Runs the matrix: `./tye-like-run.sh test --matrix [SET…]`.

It takes many minutes for each set. What has passed with the same sources is not run again, unless
its set is named; so an interrupted run continues where it was.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from operator import methodcaller
from pathlib import Path

from tools.matrix.page import PAGE, page
from tools.matrix.results import (
    SUITES,
    SetResult,
    SuiteResult,
    names_set,
    read_begin,
    read_bench,
    read_junit,
    read_results,
    write_results,
)
from tools.runner.config.components import set_names
from tools.runner.config.paths import REPO
from tools.runner.errors import RunnerError

OUTPUT = REPO / ".run" / "matrix"
"""Output and JUnit files of each suite."""

KINDS = ("floor", "home-miss", "compose")
_BENCH = (
    "--people",
    "50",
    "--in-flight",
    "16",
    "--seconds",
    "4",
    "--rounds",
    "2",
    "--fan-outs",
    "1",
)


def run_matrix(arguments: Sequence[str]) -> int:
    """Run suites and benchmark on sets, and write results and page after each of them.

    Arguments are sets, and suites (`contract`, `e2e`, `bench`) if not all of them are wanted. Or
    they are reports of `test --junitxml`: then nothing is run, and what they have is kept.
    Returns 1 if a test failed. Raises RunnerError for an unknown name, and for a report with a part
    of a suite.
    """
    if arguments and all(each.endswith(".xml") for each in arguments):
        return _keep_reports([Path(each) for each in arguments])
    steps = (*SUITES, "bench")
    known = set_names()
    for name in arguments:
        if name not in (*known, *steps):
            raise RunnerError(f'"{name}" is neither a set ({", ".join(known)}) nor a suite')
    sets = [name for name in arguments if name in known]
    chosen = [step for step in steps if step in arguments] or steps
    OUTPUT.mkdir(parents=True, exist_ok=True)
    failed = [
        f"{step} on {name}"
        for name in sets or known
        for step in chosen
        if (sets or not _has_passed(name, step)) and not _run_step(name, step)
    ]
    for each in failed:
        print(f"FAILED: {each} (see {OUTPUT})")
    return 1 if failed else 0


def _keep_reports(reports: Sequence[Path]) -> int:
    """Keep the suites that ran in some reports, as of the day and the sources of each report.

    Raises RunnerError, and keeps none, if one has nothing of the matrix or a part of a suite.
    """
    results = [each for report in reports for each in _whole_suites(report)]
    for name, suite, found in results:
        _keep(name, methodcaller("with_suite", suite, found))
        print(f"{suite} on {name}: {found.passed} passed, {found.failed} failed")
    return 1 if any(found.failed for _, _, found in results) else 0


def _whole_suites(report: Path) -> list[tuple[str, str, SuiteResult]]:
    """Return set, suite and result of what ran in a report."""
    if not report.exists():
        raise RunnerError(f"there is no report {report}: `test --junitxml {report}` writes one")
    begun = read_begin(report)
    sources, day = _sources(begun), begun[:10]
    pairs = product(set_names(), SUITES)
    all_results = [(*pair, read_junit(report, *pair, sources, day)) for pair in pairs]
    results = [each for each in all_results if each[2].passed or each[2].failed]
    if not results:
        raise RunnerError(f"there is nothing of the matrix in {report}")
    for name, suite, found in results:
        if found.total < (whole := _collected(name, suite)):
            raise RunnerError(
                f"{report} has {found.total} of {whole} tests of {suite} on {name}, so it says "
                f"nothing of the whole suite: `test --matrix {name} {suite}` runs all of it"
            )
    return results


def _collected(name: str, suite: str) -> int:
    """Return how many tests a suite has on a set."""
    command = [sys.executable, "-m", "pytest", f"tests/{suite}", "--collect-only", "-q"]
    env = os.environ | {"MICROGRAM_SETS": name}
    done = subprocess.run(command, cwd=REPO, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RunnerError(f"pytest cannot collect tests/{suite}:\n{done.stdout}{done.stderr}")
    return sum(names_set(name, each.partition("[")[2]) for each in done.stdout.splitlines())


def _has_passed(name: str, step: str) -> bool:
    found = read_results().get(name, SetResult())
    if step == "bench":
        return found.bench is not None
    suite = found.suites.get(step)
    return suite is not None and suite.is_whole and suite.sources == _sources()


def _run_step(name: str, step: str) -> bool:
    """Run one suite or the benchmark on a set, and keep the result; return whether it is good."""
    print(f"{step} on {name} …", flush=True)
    if step == "bench":
        return _run_bench(name)
    junit = OUTPUT / f"{name}-{step}.xml"
    junit.unlink(missing_ok=True)
    _call(name, step, ["pytest", f"tests/{step}", "-k", name, "-q", f"--junitxml={junit}"])
    found = read_junit(junit, name, step, _sources(), time.strftime("%Y-%m-%d", time.gmtime()))
    print(f"  {found.passed} passed, {found.failed} failed, {found.seconds} s", flush=True)
    _keep(name, lambda before: before.with_suite(step, found))
    return found.is_whole


def _run_bench(name: str) -> bool:
    figures = OUTPUT / f"{name}-bench.json"
    figures.unlink(missing_ok=True)
    asked = ["--components", name, "--kinds", ",".join(KINDS), *_BENCH, "--json", str(figures)]
    if _call(name, "bench", ["bench", *asked]) != 0 or not figures.exists():
        return False
    _keep(name, lambda before: replace(before, bench=read_bench(figures)))
    return True


def _keep(name: str, changed: Callable[[SetResult], SetResult]) -> None:
    """Change the result of a set, and write the page. Others may have written meanwhile."""
    results = read_results()
    results[name] = changed(results.get(name, SetResult()))
    write_results(results)
    PAGE.write_text(page(results))


def _call(name: str, step: str, module: list[str]) -> int:
    """Run a module of Python on one set, with its output in a file, and say how far it is."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    env = os.environ | {"MICROGRAM_SETS": name, "PATH": programs}
    log = OUTPUT / f"{name}-{step}.log"
    command = [sys.executable, "-m", *module]
    with (
        log.open("w") as output,
        subprocess.Popen(command, cwd=REPO, env=env, stdout=output, stderr=output) as child,
    ):
        while True:
            try:
                return child.wait(_PROGRESS_INTERVAL)
            except subprocess.TimeoutExpired:
                print(f"  {_how_far(log.read_text())}", flush=True)


_PROGRESS_INTERVAL = 60.0
"""Seconds between two lines about one suite."""

_PERCENT = re.compile(r"\[ *(\d+%)\]$", re.MULTILINE)


def _how_far(said: str) -> str:
    """Return the last share that pytest has printed, and whether a test has failed by then."""
    shares = _PERCENT.findall(said)
    failed = re.search(r"^[.sxX]*[FE][.sxXFE]*( *\[|$)", said, re.MULTILINE)
    return f"{shares[-1] if shares else 'begun'}{', a test has failed' if failed else ''}"


def _sources(at: str = "") -> str:
    """Return a key of what is tested, as it was committed; the same for the same sources.

    With a time, that of the newest commit before it.
    """
    newest = _git("rev-list", "-1", f"--before={at}", "HEAD").decode().strip() if at else "HEAD"
    parts = [f"{newest}:{part}" for part in ("services", "components", "tests", "tools/dapr")]
    return hashlib.sha256(_git("rev-parse", *parts)).hexdigest()[:10]


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=REPO, capture_output=True, check=False).stdout
