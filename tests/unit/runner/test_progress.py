"""Progress lines say what is done, how far it is and for how long, also without a terminal."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools.runner.commands import start
from tools.runner.config.paths import REPO, RunDir
from tools.runner.errors import RunnerError
from tools.runner.infra import debian
from tools.runner.output import progress
from tools.runner.output.progress import Progress, SharedProgress

OFTEN = 0.2


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "REPORT_INTERVAL", OFTEN)


def test_a_long_step_is_reported_at_start_regularly_and_at_its_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now))
    step = Progress("building x")
    assert capsys.readouterr().err == "building x …\n"
    for seconds, printed in ((14, ""), (15, "building x: 1 of 2, 15 s so far\n"), (29, "")):
        now = 100.0 + seconds
        step.update(lambda: "1 of 2")
        assert capsys.readouterr().err == printed
    now = 131.0
    step.update()
    assert capsys.readouterr().err == "building x: 31 s so far\n"
    step.finish()
    assert capsys.readouterr().err == "building x: 31 s\n"


def test_on_a_terminal_one_line_changes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    step = Progress("building x")
    step.update(lambda: "1 of 2")
    step.finish()
    shown = capsys.readouterr().err
    assert shown == "\rbuilding x: 1 of 2, 0 s …\x1b[K\rbuilding x: 0 s\x1b[K\n"


SLOW = """
import sys, time
from pathlib import Path
print("done", flush=True)
print("one", file=sys.stderr, flush=True)
while not Path(sys.argv[1]).exists():
    time.sleep(0.01)
"""


def test_the_output_of_a_command_shows_its_progress(
    often: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines: list[str] = []

    def how_far(said: str) -> str:
        if said:
            (tmp_path / "go").touch()
        lines.append(said)
        return f"{said.count('one')} of 1"

    command = [sys.executable, "-c", SLOW, str(tmp_path / "go")]
    assert progress.run("counting", command, how_far=how_far) == "done\n"
    assert lines[-1] == "one\n"
    assert re.search(r"^counting: \d of 1, \d+ s so far$", capsys.readouterr().err, re.MULTILINE)


def test_a_failed_command_is_reported_with_its_last_lines_and_advice() -> None:
    code = "print('out'); import sys; print('why', file=sys.stderr); sys.exit(3)"
    command = [sys.executable, "-c", code]
    with pytest.raises(RunnerError, match=r"(?s)^trying failed:.*\n    out\n    why\nDo this\.$"):
        progress.run("trying", command, advice="Do this.")
    with pytest.raises(RunnerError, match="cannot be started"):
        progress.run("trying", ["/nowhere/x"])


def test_steps_at_the_same_time_share_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now))
    both = SharedProgress("setting up")
    one, other = both.part("fetching"), both.part("building")
    one.update(lambda: "1 of 2")
    now = 15.0
    other.update(str)
    one.finish()
    now = 30.0
    other.update(lambda: "half")
    both.finish()
    assert capsys.readouterr().err == (
        "setting up …\n"
        "setting up: fetching (1 of 2), building, 15 s so far\n"
        "setting up: building (half), 30 s so far\n"
        "setting up: 30 s\n"
    )


async def test_a_wait_is_reported_only_if_it_takes_long(
    often: None, capsys: pytest.CaptureFixture[str]
) -> None:
    done = asyncio.get_running_loop().create_future()
    done.set_result(None)
    assert await progress.wait_first({done}, "starting", 5.0) == {done}
    assert capsys.readouterr().err == ""
    never = asyncio.get_running_loop().create_future()
    assert await progress.wait_first({never}, "starting", OFTEN * 2.5, lambda: "1 of 2") == set()
    # How many reports, and of which second, depends on the load of the machine.
    assert re.fullmatch(r"(starting: 1 of 2, \d+ s so far\n){1,2}", capsys.readouterr().err)


def test_the_progress_of_apt_get_is_parsed() -> None:
    said = "x\ndlstatus:1:20.5:Retrieving file 1 of 5\nx\npmstatus:redis:60.0:Unpacking redis\n"
    assert debian._parse_progress(said) == "60 % (Unpacking redis)"
    assert debian._parse_progress("Reading package lists...") == ""


BACKGROUND = """
import json, os, sys, time
from pathlib import Path
state = Path(sys.argv[1])
print("starting: 1 of 2, 15 s so far", file=sys.stderr, flush=True)
while not Path(sys.argv[2]).exists():
    time.sleep(0.01)
report = {"services": [], "infra": [], "runner_pid": os.getpid()}
if sys.argv[3] == "well":
    state.write_text(json.dumps(report))
    print("a table", flush=True)
    time.sleep(60)
print("it died", file=sys.stderr)
sys.exit(4)
"""


@pytest.mark.parametrize(("end", "code"), [("well", 0), ("badly", 4)])
def test_a_background_start_is_reported_while_it_runs(
    run: RunDir,
    end: str,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    log, seen = run.logs / "runner.out", run.path / "seen"
    printed: list[str] = []

    def wait(_: float) -> None:
        printed.append(capsys.readouterr().err)
        if "15 s so far" in "".join(printed):
            seen.touch()
        time.sleep(0.01)

    real = subprocess.Popen
    monkeypatch.setattr(start, "time", SimpleNamespace(sleep=wait))
    command = [sys.executable, "-c", BACKGROUND, str(run.state), str(seen), end]
    with log.open("w") as out, real(command, stdout=out, stderr=out) as child, log.open() as said:
        assert start._relay_output(run, child, said) == code
        child.kill()
    rest = capsys.readouterr().err
    everything = "".join(printed) + rest
    assert everything == "starting: 1 of 2, 15 s so far\n" + ("it died\n" if code else "")


FAKE_PYTHON = """#!/bin/sh
case "$*" in
  *"-m pip --version") exit 0 ;;
  *"-m pip install"*)
    echo "Collecting a"; echo "Collecting b"; /bin/sleep 0.6
    echo "Installing collected packages: a, b"; /bin/sleep 0.6
    [ -e broken ] && { echo "no network"; exit 1; }
    exit 0 ;;
  *"-m tools.runner"*) echo started ;;
  *--version) echo "Python 3.11.9" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the script and a Python that does as if it installed two packages."""
    shutil.copy(REPO / "tye-like-run.sh", tmp_path)
    (tmp_path / "requirements.lock").write_text("a==1\nb==2\nc==3\n")
    programs, beside = tmp_path / "programs", tmp_path / ".venv" / "bin"
    programs.mkdir()
    beside.mkdir(parents=True)
    fakes = {programs / "python3.11": FAKE_PYTHON, beside / "python": FAKE_PYTHON}
    fakes[programs / "sleep"] = '#!/bin/sh\n[ "$1" = 15 ] && exec /bin/sleep 0.2\n'
    for path, text in fakes.items():
        path.write_text(text)
        path.chmod(0o755)
    return tmp_path


def set_up(checkout: Path) -> subprocess.CompletedProcess[str]:
    path = f"{checkout / 'programs'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [str(checkout / "tye-like-run.sh"), "ps"],
        env=dict(os.environ) | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_first_set_up_reports_its_progress(checkout: Path) -> None:
    done = set_up(checkout)
    assert (done.returncode, done.stdout) == (0, "started\n")
    lines = done.stderr.splitlines()
    assert lines[0].startswith("Setting up .venv with Python 3.11.9")
    assert any(
        re.fullmatch(r"setting up \.venv: 2 of 3 packages fetched, \d+ s so far", line)
        for line in lines
    )
    assert any("all of 3 packages fetched, installing them" in line for line in lines)
    assert re.fullmatch(r"Set up in \d+ s\.", lines[-1])
    assert set_up(checkout).stderr == ""


def test_a_failed_set_up_reports_its_cause_and_is_repeated(checkout: Path) -> None:
    (checkout / "broken").touch()
    done = set_up(checkout)
    assert done.returncode == 1
    assert "no network\nThe packages could not be installed" in done.stderr
    (checkout / "broken").unlink()
    assert set_up(checkout).stdout == "started\n"
