"""The real `toot`, one home folder for each person, so that no two share a configuration."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.system.browser import WebBrowser

_TOOT = Path(sys.executable).with_name("toot")
_ANSWER_CHECK = Path(__file__).with_name("answer_check")
_REPO = Path(__file__).parents[2]
_TIMEOUT = 120.0


class TootError(AssertionError):
    """`toot` said no; the text is what it said."""


class Toot:
    """`toot` as one person has it: `toot("post", "hello")` returns what it prints."""

    def __init__(self, base: str, home: Path) -> None:
        self.base = base
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        self._faults = home / "faults"
        self._env = {
            "PYTHONPATH": os.pathsep.join([str(_ANSWER_CHECK), str(_REPO)]),
            "MICROGRAM_FAULTS": str(self._faults),
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "COLUMNS": "200",
        }

    def __call__(self, *arguments: str | Path) -> str:
        """Run a command. Raises `TootError` with its complaint where it fails."""
        done = subprocess.run(
            [_TOOT, *map(str, arguments)],
            env=self._env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
        self._look()
        if done.returncode:
            raise TootError(f"toot {' '.join(map(str, arguments))}: {done.stderr or done.stdout}")
        return done.stdout

    def _look(self) -> None:
        """Fail on any answer that `toot` got and no client should have to bear."""
        faults = self._faults.read_text() if self._faults.exists() else ""
        assert not faults, f"toot was answered: {faults}"

    def json(self, *arguments: str | Path) -> Any:
        """Run a command with `--json`, and return what it prints."""
        return json.loads(self(*arguments, "--json"))

    def log_in(self, login: str, password: str) -> str:
        """Run `toot login` as a person does: open its link, log in there, paste the code."""

        def browse(url: str) -> str:
            with WebBrowser(self.base) as browser:
                return browser.log_in(url, login, password)

        return self.log_in_with(browse)

    def log_in_with(self, browse: Callable[[str], str]) -> str:
        """Run `toot login`, with whatever gives a code for its link."""
        with subprocess.Popen(
            [_TOOT, "login", "--instance", self.base],
            env=self._env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            output_lines, url = [], ""
            for line in process.stdout:
                output_lines.append(line)
                if line.startswith("http"):
                    url = line.strip()
                    break
            if not url:
                raise TootError(f"toot login: {''.join(output_lines)}")
            said, _ = process.communicate(f"n\n{browse(url)}\n", timeout=_TIMEOUT)
        self._look()
        if process.returncode:
            raise TootError(f"toot login: {said}")
        return said
