"""Runs the check of an exercise: in this process, or in one of its own that can be ended.

python -m tools.learn.checking STEP FOLDER RESULT.json
"""

from __future__ import annotations

import asyncio
import importlib
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.learn.catalog import Exercise, read_path
from tools.learn.questions import check_answers
from tools.learn.report import BrokenInvariant, CheckReport, Work, importable
from tools.runner.config.paths import REPO

DEADLINE = 120.0
"""Seconds that a check may take. On a machine with a load of twenty, one took 36."""

PROCESSOR_SECONDS = 20
"""What it may use of a processor meanwhile. All of them use less than two."""


async def check(exercise: Exercise, folder: Path) -> CheckReport:
    """Check the files in a folder, in this process."""
    work = Work(folder)
    try:
        if (exercise.folder / "check.py").exists():
            module = importlib.import_module(f"tools.learn.exercises.{exercise.name}.check")
            with importable(folder):
                await module.check(work)
        else:
            check_answers(work, exercise.folder)
    except (Exception, SystemExit) as error:
        return work.report(error)
    return work.report()


def check_apart(
    exercise: Exercise, folder: Path, deadline: float = DEADLINE
) -> tuple[CheckReport, str]:
    """Check in a process of its own; return the report, and what the learner's code printed."""
    with tempfile.TemporaryDirectory() as scratch:
        result = Path(scratch) / "report.json"
        command = [sys.executable, "-m", "tools.learn.checking"]
        try:
            done = subprocess.run(
                [*command, exercise.name, str(folder), str(result)],
                cwd=REPO,
                capture_output=True,
                text=True,
                timeout=deadline,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            return CheckReport((), _late(deadline)), _text(late.stdout)
        if done.returncode == -signal.SIGXCPU:
            return CheckReport((), _late(PROCESSOR_SECONDS)), done.stdout
        if not result.exists():
            lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            return CheckReport((), _ended(lines[-1])), done.stdout
        return CheckReport.from_json(result.read_text()), done.stdout


def _late(deadline: float) -> BrokenInvariant:
    return BrokenInvariant(
        "the check ends",
        f"an end within {deadline:.0f} s",
        "it still runs",
        "a loop without a bound, or something that waits without a deadline",
    )


def _ended(last_line: str) -> BrokenInvariant:
    return BrokenInvariant("your code runs", "a result", last_line, "what ends the process")


def _text(output: bytes | str | None) -> str:
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""


def main(arguments: list[str]) -> int:
    """Check one exercise and write the report as JSON."""
    name, folder, result = arguments
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS + 5))
    report = asyncio.run(check(read_path().find(name), Path(folder)))
    Path(result).write_text(report.to_json())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
