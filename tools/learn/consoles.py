"""The commands that pages show: run again in an empty workspace, with what they print.

    python -m tools.learn.consoles [PAGE…]       writes the output of all commands anew

A block that begins with ```console has commands behind `$ `, and below each its output. Those of a
page run one after another. `<!-- mended: STEP -->` above a block stands for a learner who has
mended this exercise. Blocks that begin with ```console system need a running system: they are run
by `test --learn`.
"""

from __future__ import annotations

import asyncio
import io
import logging
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

from tools.learn import session
from tools.learn.catalog import Exercise, read_path
from tools.learn.checking import check
from tools.learn.pages import pages
from tools.learn.report import CheckReport
from tools.runner.config.paths import REPO

_ME = "./tye-like-run.sh"
_PART = re.compile(
    r"^<!-- mended: (?P<step>\w+) -->$|^```console\n(?P<block>.*?)^```$", re.MULTILINE | re.DOTALL
)


def replay(text: str, scratch: Path) -> str:
    """Run the commands of a page with its files in `scratch`; return it with their output."""
    with _workspace(scratch):
        return _PART.sub(lambda part: _replay(part, scratch), text)


def _replay(part: re.Match[str], scratch: Path) -> str:
    if step := part["step"]:
        for name, text in read_path().find(step).solution.items():
            (scratch / "learn" / step / name).write_text(text)
        return part[0]
    commands = [line[2:] for line in part["block"].splitlines() if line.startswith("$ ")]
    return f"```console\n{''.join(_show(command, scratch) for command in commands)}```"


def _show(command: str, scratch: Path) -> str:
    output = _run(command).replace(f"{scratch}{os.sep}", "").strip("\n")
    lines = [line.rstrip() for line in output.splitlines()]
    return "\n".join([f"$ {command}", *lines]) + "\n"


def _run(command: str) -> str:
    if not command.startswith(f"{_ME} "):
        done = subprocess.run(
            ["bash", "-c", command], cwd=REPO, capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr
    from tools.runner.__main__ import main

    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        main(shlex.split(command)[1:])
    return out.getvalue()


@contextmanager
def _workspace(scratch: Path) -> Iterator[None]:
    places = {
        "MICROGRAM_LEARN_DIR": str(scratch / "learn"),
        "MICROGRAM_RUN_DIR": str(scratch / "run"),
    }
    logging.disable(logging.CRITICAL)  # a check shows what it found, and not what services log
    try:
        with mock.patch.dict(os.environ, places), mock.patch.object(session, "check_apart", _check):
            yield
    finally:
        logging.disable(logging.NOTSET)


def _check(exercise: Exercise, folder: Path) -> tuple[CheckReport, str]:
    """Check in this process: a process for each command would take minutes."""
    with ThreadPoolExecutor(1) as pool:  # this thread may have a loop already
        report = pool.submit(lambda: asyncio.run(check(exercise, folder))).result()
    return report, ""


def main(arguments: list[str]) -> None:
    """Write all pages anew, or those that are named."""
    for page in [Path(name).resolve() for name in arguments] or pages():
        with tempfile.TemporaryDirectory() as scratch:
            page.write_text(replay(page.read_text(), Path(scratch).resolve()))


if __name__ == "__main__":
    main(sys.argv[1:])
