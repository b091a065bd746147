"""A folder with a release from which a system runs, and which gets the next one meanwhile."""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.backup.previous_release import link_packages
from tests.system import System
from tests.system.system import GENEROUS
from tools.release.versions import SemanticVersion, write_version
from tools.runner.config.paths import REPO

LATER = SemanticVersion(99, 0, 0)
_TIMEOUT = 600.0
_LAST_FIELDS = {
    "services/contracts/posts.py": "    pictures_kept: bool = False\n",
    "services/posts/domain/posts.py": '    fingerprint: str = ""\n',
}
_LATER_FIELD = '    later: str = "later"\n'


@dataclass(frozen=True)
class ReleaseFolder:
    """A tree of files that is replaced in place, as `git pull` does."""

    folder: Path

    def install(self, tree: Path) -> None:
        """Replace the files by those of a tree; what is the same is not touched."""
        wanted = set(_files(tree))
        for path in set(_files(self.folder)) - wanted:
            (self.folder / path).unlink()
        for path in wanted:
            source, target = tree / path, self.folder / path
            if not target.exists() or not filecmp.cmp(source, target, shallow=False):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)

    @contextmanager
    def running(self, run_dir: Path, components: str, replicas: str) -> Iterator[System]:
        """Start a system from the folder; stop it at the end."""
        link_packages(self.folder)
        options = ["--components", components, "--port", "0", "--replicas", replicas]
        try:
            self.command(run_dir, "up", *options, "--detach", "--no-dashboard")
            yield System(run_dir, run_dir.parent / "homes")
        finally:
            self.command(run_dir, "down")

    def command(self, run_dir: Path, *arguments: str) -> str:
        """Run a command of the release that is in the folder now."""
        done = subprocess.run(
            [".venv/bin/python", "-m", "tools.runner", "--run-dir", str(run_dir), *arguments],
            cwd=self.folder,
            env={**os.environ, **GENEROUS},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(arguments)}: {done.stderr or done.stdout}"
        return done.stdout


def write_present(folder: Path) -> None:
    """Write the files of this tree, with what is not committed yet."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (REPO / name).is_file() and name != ".venv":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPO / name, folder / name)


def make_later(folder: Path) -> None:
    """Make a tree a later release: another version, and posts with one field more.

    The field is in the state of posts and in their events.
    """
    write_version(folder, LATER)
    for name, last in _LAST_FIELDS.items():
        path = folder / name
        text = path.read_text()
        assert last in text, f"{name} has no {last.strip()} to add a field after"
        path.write_text(text.replace(last, last + _LATER_FIELD, 1))


def _files(folder: Path) -> Iterator[Path]:
    """Yield what belongs to a release, and not to those who use it."""
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if path.is_file() and ".venv" not in parts and "__pycache__" not in parts:
            yield path.relative_to(folder)
