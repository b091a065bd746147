"""The tour of docs/shop.md, typed into a shell as it is written."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.system import DEADLINE, System, wait_until

PAGE = Path(__file__).parents[2] / "docs" / "shop.md"
_ID = re.compile(r"\d{18}")
_GIVEN = re.compile(r"(?:^|; )([A-Z]+)=")


def steps() -> Iterator[tuple[str, str]]:
    """Yield the commands of the tour with their output."""
    tour = PAGE.read_text().partition("<!-- tour -->\n```console\n")[2].partition("```")[0]
    for step in tour.removeprefix("$ ").split("\n$ "):
        command, _, output = step.partition("\n")
        yield command, output.strip()


def helpers() -> str:
    return PAGE.read_text().partition("```bash\n")[2].partition("```")[0]


def test_the_tour_gives_what_the_page_shows(system: System, tmp_path: Path) -> None:
    before = [f"{name.upper()}={system.register(name).token}" for name in ("gina", "hugo")]
    before.append(helpers().replace("http://127.0.0.1:8080", system.base))
    for command, expected in steps():
        reads = " GET " in command
        wait_until(partial(_prints, tmp_path, before, command, expected), DEADLINE if reads else 0)


def _prints(folder: Path, before: list[str], command: str, expected: str) -> bool:
    """Return whether a command prints the expected text; keep its variables for the next."""
    script = "\n".join(
        ["set -euo pipefail", *before, command, "declare -p | grep -E '^declare -- [A-Z]+=' >&2"]
    )
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, capture_output=True, text=True, timeout=60, check=True
    )
    pattern = ".*".join(re.escape(part) for part in _ID.sub("ID", expected).split("…"))
    normalized = _ID.sub("ID", done.stdout.strip())
    assert re.fullmatch(pattern, normalized), f"{command}\n{normalized}"
    for name in _GIVEN.findall(command):
        (line,) = re.findall(rf'^declare -- {name}="(.*)"$', done.stderr, re.MULTILINE)
        before.append(f"{name}={line}")
    return True
