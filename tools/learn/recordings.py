"""Recordings of a terminal (asciicast v2), made from real runs of the commands.

    python -m tools.learn.recordings [NAME…]      writes docs/learn/recordings anew, or some of it

A recording is text: `asciinema play FILE` shows it, or any player of a web page. Keys come at a
steady pace and outputs at once, so a recording does not depend on how busy the machine was.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.learn.consoles import mend, show, workspace
from tools.runner.config.paths import REPO

FOLDER = REPO / "docs" / "learn" / "recordings"
WIDTH, HEIGHT = 100, 30
_PER_KEY, _BEFORE_OUTPUT, _TO_READ = 0.04, 0.4, 2.5
"""Seconds of a key, from Enter to the output, and to read the output."""


@dataclass(frozen=True)
class Recording:
    """Commands that are recorded. `mends STEP` stands for a learner who mends that exercise."""

    name: str
    title: str
    commands: tuple[str, ...]


_ME = "./tye-like-run.sh learn"
RECORDINGS = (
    Recording("first-steps", "Where am I, and what is next", (_ME, f"{_ME} start hop")),
    Recording(
        "an-exercise",
        "Break it, ask for a hint, mend it",
        (
            f"{_ME} start etag",
            "cat learn/etag/likes.py",
            f"{_ME} check",
            f"{_ME} hint",
            "mends etag",
            f"{_ME} check",
        ),
    ),
    Recording(
        "a-broker",
        "A component file that would lose events",
        (f"{_ME} start broker", f"{_ME} check", "mends broker", f"{_ME} check"),
    ),
)


def record(recording: Recording) -> str:
    """Run the commands in an empty workspace; return the recording."""
    with tempfile.TemporaryDirectory() as folder, workspace(Path(folder).resolve()) as scratch:
        outputs = [(command, _output(command, scratch)) for command in recording.commands]
    events = _events((command, text) for command, text in outputs if text is not None)
    header = {"version": 2, "width": WIDTH, "height": HEIGHT, "title": recording.title}
    lines = [header, *events]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def _output(command: str, scratch: Path) -> str | None:
    verb, _, step = command.partition(" ")
    if verb == "mends":
        mend(step, scratch)
        return None
    return show(command.replace("cat learn/", f"cat {scratch}/learn/"), scratch).partition("\n")[2]


def _events(outputs: Iterable[tuple[str, str]]) -> Iterator[Sequence[object]]:
    at = 0.0
    for command, text in outputs:
        yield [round(at, 2), "o", "$ "]
        for key in command:
            at += _PER_KEY
            yield [round(at, 2), "o", key]
        at += _BEFORE_OUTPUT
        yield [round(at, 2), "o", "\r\n" + text.replace("\n", "\r\n")]
        at += _TO_READ


def played(text: str) -> str:
    """Return what a recording has shown at its end."""
    events = [json.loads(line) for line in text.splitlines()[1:]]
    return "".join(data for _, kind, data in events if kind == "o").replace("\r\n", "\n")


def main(names: list[str]) -> None:
    """Write all recordings anew, or those that are named."""
    FOLDER.mkdir(exist_ok=True)
    for recording in RECORDINGS:
        if not names or recording.name in names:
            (FOLDER / f"{recording.name}.cast").write_text(record(recording))


if __name__ == "__main__":
    main(sys.argv[1:])
