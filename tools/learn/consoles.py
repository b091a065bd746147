"""The commands that pages show: run again in an empty workspace, with what they print.

    python -m tools.learn.consoles [PAGE…]                  writes the output of all commands anew
    python -m tools.learn.consoles --system DIR [PAGE…]     those of a system, by its run directory

A block that begins with ```console has commands behind `$ `, and below each its output. Those of a
page run one after another. `<!-- mended: STEP -->` above a block stands for a learner who has
mended this exercise. Blocks that begin with ```console system need the running system that their
page starts: `test --learn` runs those of a page in one shell.
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
from tools.learn.system import RUN_DIR
from tools.runner.config.paths import REPO

_ME = "./tye-like-run.sh"
_PART = re.compile(
    r"^<!-- mended: (?P<step>\w+) -->$|^```console\n(?P<block>.*?)^```$", re.MULTILINE | re.DOTALL
)
_SYSTEM_BLOCK = re.compile(r"^```console system\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_VARYING = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""What differs each time: ETags of SQLite."""

_MARK = "-- end of the output of a command --"


def replay_system(text: str, run_dir: Path) -> str:
    """Run the commands of a page that need a running system; return it with their output.

    What varies is left as it is on the page.
    """
    commands = [each for block in _SYSTEM_BLOCK.finditer(text) for each in _commands(block[1])]
    if not commands:
        return text
    script = "".join(f"{command}\necho '{_MARK}'\n" for command in commands)
    done = subprocess.run(
        ["bash", "-c", script.replace(RUN_DIR, str(run_dir))],
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    outputs = iter(done.stdout.split(f"{_MARK}\n"))
    return _SYSTEM_BLOCK.sub(lambda block: _with_outputs(block[0], block[1], outputs), text)


def _with_outputs(whole: str, block: str, outputs: Iterator[str]) -> str:
    shown = "".join(f"$ {command}\n{next(outputs)}" for command in _commands(block))
    is_same = _VARYING.sub("ID", shown.replace("\r", "")) == _VARYING.sub("ID", block)
    return whole if is_same else f"```console system\n{shown.replace(chr(13), '')}```"


def _commands(block: str) -> list[str]:
    return [line[2:] for line in block.splitlines() if line.startswith("$ ")]


def replay(text: str, scratch: Path) -> str:
    """Run the commands of a page with its files in `scratch`; return it with their output."""
    with workspace(scratch):
        return _PART.sub(lambda part: _replay(part, scratch), text)


def _replay(part: re.Match[str], scratch: Path) -> str:
    if step := part["step"]:
        mend(step, scratch)
        return part[0]
    shown = (show(command, scratch) for command in _commands(part["block"]))
    return f"```console\n{''.join(shown)}```"


def mend(step: str, scratch: Path) -> None:
    """Let the files of an exercise be those of its solution."""
    for name, text in read_path().find(step).solution.items():
        (scratch / "learn" / step / name).write_text(text)


def show(command: str, scratch: Path) -> str:
    """Run a command in a workspace; return it behind a prompt, and its output."""
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
def workspace(scratch: Path) -> Iterator[Path]:
    """Let commands of this process use an empty workspace, progress and run directory."""
    places = {
        "MICROGRAM_LEARN_DIR": str(scratch / "learn"),
        "MICROGRAM_RUN_DIR": str(scratch / "run"),
        "MICROGRAM_LEARN_SYSTEM": str(scratch / "no system"),
    }
    logging.disable(logging.CRITICAL)  # a check shows what it found, and not what services log
    try:
        with mock.patch.dict(os.environ, places), mock.patch.object(session, "check_apart", _check):
            yield scratch
    finally:
        logging.disable(logging.NOTSET)


def _check(exercise: Exercise, folder: Path) -> tuple[CheckReport, str]:
    """Check in this process: a process for each command would take minutes."""
    with ThreadPoolExecutor(1) as pool:  # this thread may have a loop already
        report = pool.submit(lambda: asyncio.run(check(exercise, folder))).result()
    return report, ""


def main(arguments: list[str]) -> None:
    """Write all pages anew, or those that are named."""
    system = Path(arguments[1]).resolve() if arguments[:1] == ["--system"] else None
    names = arguments[2:] if system else arguments
    for page in [Path(name).resolve() for name in names] or pages():
        if system:
            page.write_text(replay_system(page.read_text(), system))
            continue
        with tempfile.TemporaryDirectory() as scratch:
            page.write_text(replay(page.read_text(), Path(scratch).resolve()))


if __name__ == "__main__":
    main(sys.argv[1:])
