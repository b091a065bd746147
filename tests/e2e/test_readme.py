"""The tour of README.md, typed as it is written."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.system.browser import WebBrowser
from tests.system.system import System
from tests.system.toot import Toot
from tests.system.users import PASSWORD
from tests.system.waiting import DEADLINE, wait_until

README = Path(__file__).parents[2] / "README.md"
_VARYING = [
    (re.compile(r"\d{18}-[0-9a-f]{16}"), "FILE"),
    (re.compile(r"\d{18}"), "ID"),
    (re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d UTC)?"), "DATE"),
    (re.compile(r"127\.0\.0\.1:\d+"), "HOST"),
]


def steps(mark: str) -> Iterator[tuple[str, str]]:
    """Yield the commands of the block below a mark with their output."""
    tour = README.read_text().partition(f"<!-- {mark} -->")[2]
    block = tour.partition("```console\n")[2].partition("```")[0]
    for step in block.split("$ ")[1:]:
        command, _, output = step.partition("\n")
        yield command, output


def plain(text: str) -> str:
    for pattern, word in _VARYING:
        text = pattern.sub(word, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def test_the_tour_gives_what_the_readme_shows(
    system: System, picture: Path, tmp_path: Path
) -> None:
    host = system.base.removeprefix("http://")
    toot = Toot(system.base, tmp_path / "tour")
    for name in ("ada", "ben"):
        with WebBrowser(system.base) as browser:
            page = browser.open("/auth/sign_up")
            given = {"username": name, "email": f"{name}@example.org", "agreement": "1"}
            browser.submit(page, page.forms[0], {**given, "password": PASSWORD})
        toot.log_in(name, PASSWORD)

    newest = ""
    for command, expected in steps("tour"):
        here = command.replace("127.0.0.1:8080", host).replace("photo.jpg", str(picture))
        arguments = shlex.split(re.sub(r"\d{18}", newest, here))[1:]
        reads = {"timelines", "whois"} & set(arguments)
        wait_until(partial(_prints, toot, arguments, expected), DEADLINE if reads else 0)
        newest = newest or _id_in(toot, expected)
    assert_export_works(toot.home, host)


def assert_export_works(home: Path, host: str) -> None:
    """Type the commands of the data export, in one shell each with the functions before it."""
    (home / ".config").symlink_to("config")
    functions: list[str] = []
    for command, expected in steps("export"):
        here = command.replace("127.0.0.1:8080", host)
        if not expected and "{" in command:
            functions.append(here)
            continue
        state = partial(_state_is, home, [*functions, here], expected)
        wait_until(state, DEADLINE if "ready" in expected else 0)
    (archive,) = home.glob("*.zip")
    assert zipfile.is_zipfile(archive)


def _state_is(home: Path, script: list[str], expected: str) -> bool:
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=home,
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    states = re.findall(r'"state":"(\w+)"', expected)
    assert re.findall(r'"state":"(\w+)"', done.stdout) == states
    return True


def _prints(toot: Toot, arguments: list[str], expected: str) -> bool:
    assert plain(toot(*arguments)) == plain(expected)
    return True


def _id_in(toot: Toot, expected: str) -> str:
    if "Toot posted" not in expected:
        return ""
    account = f"ada@{toot.base.removeprefix('http://')}"
    return str(toot.json("--as", account, "timelines", "home")[0]["id"])
