"""A copy of the repository with a git history of its own, for commands that write into it."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.runner.config.paths import REPO

_LEFT_OUT = (
    *(".git", ".venv", ".run", "backups", "node_modules", "__pycache__", ".hypothesis"),
    *(".mypy_cache", ".ruff_cache", ".pytest_cache", ".import_linter_cache"),
)


@dataclass(frozen=True)
class RepositoryCopy:
    """A copy in a folder, all of it committed."""

    path: Path

    @classmethod
    def make(cls, path: Path) -> RepositoryCopy:
        """Copy the repository as it stands here, with changes that are not committed."""
        shutil.copytree(REPO, path, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        (path / ".venv").symlink_to(Path(sys.executable).parent.parent)
        copy = cls(path)
        copy.git("init", "--quiet", "--initial-branch=main")
        copy.git("config", "user.name", "test")
        copy.git("config", "user.email", "test@localhost")
        (path / ".git/info/exclude").write_text(".venv\n")
        copy.commit()
        return copy

    def commit(self) -> None:
        """Commit everything."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "The state before")

    @property
    def changes(self) -> list[str]:
        """What git calls changed or new."""
        return self.git("status", "--porcelain").splitlines()

    def git(self, *arguments: str) -> str:
        return _run(["git", *arguments], self.path).stdout

    def shell(self, command: str) -> str:
        """Run a command as a person types it; fails if it does."""
        return _run(["bash", "-c", command], self.path).stdout

    def runner(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `./tye-like-run.sh` in the copy, whatever it answers."""
        return self.python("-m", "tools.runner", *arguments, check=False)

    def at_terminal(self, arguments: Sequence[str], typed: str) -> tuple[int, str]:
        """Run `./tye-like-run.sh` at a terminal; return its exit code and what it shows."""
        ours, theirs = pty.openpty()
        os.write(ours, typed.encode())
        done = subprocess.run(
            [sys.executable, "-m", "tools.runner", *arguments], cwd=self.path, stdin=theirs,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
        )  # fmt: skip
        os.close(ours)
        os.close(theirs)
        return done.returncode, done.stdout

    def python(
        self, *arguments: str, check: bool = True, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return _run([sys.executable, *arguments], self.path, check=check, env=env)

    def tool(self, name: str, *arguments: str) -> str:
        """Run a program of .venv, and return what it prints; fails if it finds a fault."""
        return _run([str(Path(sys.executable).parent / name), *arguments], self.path).stdout


def tutorial_commands(copy: RepositoryCopy) -> tuple[list[str], list[str]]:
    """The commands of docs/learn/stories.md, in order.

    The first ones build a service in a copy; the others commit it and go back to `main`.
    """
    page = (copy.path / "docs/learn/stories.md").read_text()
    blocks = re.findall(r"^```console copy\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    commands = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    assert sum(command.startswith("git apply") for command in commands) == 4
    end = commands.index("git add --all")
    return commands[:end], commands[end:]


def has_a_story(name: str) -> tuple[str, str]:
    """The command that fails without a story of a service: the kit would skip tests."""
    found = f"stories_of_service('{name}')"
    return "-c", f"from tests.conformance.own_stories import stories_of_service; assert {found}"


def _run(
    command: list[str], folder: Path, *, check: bool = True, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    inherited = {name: each for name, each in os.environ.items() if "PYTEST" not in name}
    done = subprocess.run(
        command, cwd=folder, env={**inherited, **(env or {})}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0 or not check, f"{command}:\n{done.stdout}{done.stderr}"
    return done
