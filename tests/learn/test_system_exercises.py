"""Exercises of a running system fail as given, and pass with their solutions."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.learn.conftest import started
from tools.learn.catalog import Exercise, read_path
from tools.learn.checking import check_apart
from tools.learn.report import CheckReport
from tools.learn.system import RUN_DIR, START, until
from tools.runner.config.paths import REPO
from tools.runner.infra import monitoring

EXERCISES = [each for each in read_path().exercises if each.needs_system]
OWN_START = {each.name for each in EXERCISES if each.options}
"""Exercises that need a system which is started in a way of its own."""


def checked(
    exercise: Exercise,
    files: dict[str, str],
    folder: Path,
    system: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> CheckReport:
    monkeypatch.setenv("MICROGRAM_LEARN_SYSTEM", str(system))
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    report, _ = check_apart(exercise, folder)
    return report


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda each: each.name)
def test_its_page_starts_the_system_as_it_needs_it(exercise: Exercise) -> None:
    assert exercise.start in (REPO / exercise.page).read_text().splitlines()


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda each: each.name)
def test_it_fails_without_a_system(
    exercise: Exercise, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = checked(exercise, exercise.solution, tmp_path, tmp_path / "none", monkeypatch)
    assert report.fallen
    assert report.fallen.invariant == "your system runs", report.fallen
    assert report.fallen.look == START


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda each: each.name)
def test_it_fails_as_given(
    exercise: Exercise, tmp_path: Path, system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(exercise, system)
    report = checked(exercise, exercise.given, tmp_path, system, monkeypatch)
    assert report.fallen
    assert report.fallen.invariant not in ("your code runs", "your system runs"), report.fallen


@pytest.mark.parametrize(
    "exercise",
    [each for each in EXERCISES if each.name not in OWN_START],
    ids=lambda each: each.name,
)
def test_it_passes_with_its_solution(
    exercise: Exercise, tmp_path: Path, system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(exercise, system)
    report = checked(exercise, exercise.solution, tmp_path, system, monkeypatch)
    assert report.fallen is None, report.fallen


def test_a_repeat_without_a_key_is_found(
    tmp_path: Path, system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exercise = read_path().find("crash")
    key = ', "Idempotency-Key": str(uuid.uuid4())'
    text = exercise.solution["sender.py"]
    assert key in text
    report = checked(exercise, {"sender.py": text.replace(key, "")}, tmp_path, system, monkeypatch)
    assert report.fallen
    assert "answer was lost" in report.fallen.invariant
    assert "posts: 2" in report.fallen.seen


def test_watch_checks_again_when_a_service_restarts(
    tmp_path: Path, system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MICROGRAM_LEARN_SYSTEM", str(system))
    monkeypatch.setenv("MICROGRAM_LEARN_DIR", str(tmp_path / "learn"))
    program, printed = str(REPO / "tye-like-run.sh"), tmp_path / "printed"
    own = [program, "learn", "--run-dir", str(tmp_path / "run")]
    subprocess.run([*own, "start", "letter"], check=True)
    with printed.open("w") as output:
        watching = subprocess.Popen([*own, "watch"], stdout=output)
    try:
        assert until(lambda: "I check again" in printed.read_text())
        restart = [program, "restart", "comments", "--run-dir", str(system)]
        subprocess.run(restart, check=True)
        assert until(lambda: printed.read_text().count("✗") == 2), printed.read_text()
    finally:
        watching.terminate()
        watching.wait()


def prepare(exercise: Exercise, system: Path) -> None:
    """Do on a system what the page of an exercise says before its check."""
    from tools.learn.consoles import replay_system

    page = (REPO / exercise.page).read_text()
    replay_system(page, system)
    if exercise.name == "trace":
        line = next(line for line in page.splitlines() if line.startswith(".venv/bin/python -m"))
        run(line, system)


def run(line: str, system: Path) -> str:
    """Run a command of a page on a system; return what it prints."""
    environment = {"MICROGRAM_LEARN_SYSTEM": str(system), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        ["bash", "-c", line],
        cwd=REPO,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


def test_a_right_that_is_taken_away_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exercise = read_path().find("access")
    (tmp_path / "access.yaml").write_text(exercise.solution["access.yaml"])
    line = exercise.start.replace("learn/access", str(tmp_path))
    page = (REPO / exercise.page).read_text()
    (asks,) = re.findall(r"^```\n(STATE=.*?)^```$", page, re.MULTILINE | re.DOTALL)
    with started(line, tmp_path / "run") as system:
        report = checked(exercise, exercise.solution, tmp_path, system, monkeypatch)
        answer = run(asks.replace(RUN_DIR, str(system)), system)
    assert report.fallen is None, report.fallen
    assert all(word in answer for word in ("PermissionDenied", "/gateway", "threads/1")), answer


@pytest.mark.skipif(not shutil.which("rabbitmq-server"), reason="RabbitMQ is not installed")
def test_a_system_runs_on_another_broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exercise = read_path().find("swap")
    with workspace(exercise) as folder:
        for line in lines_before_the_start(exercise):
            run(line.replace("learn/swap", str(folder)), tmp_path)
        line = exercise.start.replace("learn/swap", str(folder))
        with started(line, tmp_path / "run") as system:
            report = checked(exercise, exercise.solution, folder, system, monkeypatch)
    assert report.fallen is None, report.fallen


@pytest.mark.skipif(
    not all(map(monitoring.find_program, monitoring.NAMES)), reason="Prometheus is not installed"
)
def test_an_alert_fires_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exercise = read_path().find("alert")
    for name in ("MICROGRAM_OBSERVE_INTERVAL", "MICROGRAM_ALERT_FOR"):
        monkeypatch.setenv(name, "2")
    with started(exercise.start, tmp_path / "run") as system:
        quiet = checked(exercise, exercise.solution, tmp_path, system, monkeypatch)
        page = (REPO / exercise.page).read_text().partition(f"\n{exercise.start}\n")[2]
        stop, alerts, start = re.findall(r"^\./tye-like-run\.sh (?!learn).*$", page, re.MULTILINE)
        run(stop.replace(RUN_DIR, str(system)), system)
        fires = "FIRING critical ServiceDown"  # SidecarDown may be first
        assert until(lambda: fires in run(alerts.replace(RUN_DIR, str(system)), system))
        run(start.replace(RUN_DIR, str(system)), system)
        given = checked(exercise, exercise.given, tmp_path, system, monkeypatch)
        mended = checked(exercise, exercise.solution, tmp_path, system, monkeypatch)
    assert quiet.fallen
    assert quiet.fallen.invariant == "an alert of comments has fired", quiet.fallen
    assert given.fallen
    assert given.fallen.invariant == "the alert", given.fallen
    assert mended.fallen is None, mended.fallen


@contextmanager
def workspace(exercise: Exercise) -> Iterator[Path]:
    """A folder as deep in the repository as a learner's: paths of the manifest are relative."""
    folder = REPO / ".run" / f"test-{exercise.name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "pubsub.yaml").write_text(exercise.solution["pubsub.yaml"])
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def lines_before_the_start(exercise: Exercise) -> list[str]:
    """The commands of the block of a page that starts the system, before `down`."""
    page = (REPO / exercise.page).read_text()
    (block,) = re.findall(
        r"^```\n(mkdir.*?)^\./tye-like-run.sh down", page, re.MULTILINE | re.DOTALL
    )
    return list(block.splitlines())
