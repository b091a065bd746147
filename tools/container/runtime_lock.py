"""Prints the part of requirements.lock that the services need, without the tools of developers.

The lock says of each package which others need it (`# via`), and pyproject.toml what the services
need. Hashes stay, so `pip install --require-hashes` takes the result.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

_PACKAGE = re.compile(r"^([A-Za-z0-9][\w.-]*)==\S+", re.MULTILINE)
_VIA = re.compile(r"^    # +(?:via +)?(\S.*)$", re.MULTILINE)
_NAME = re.compile(r"[\w.-]+")


def runtime_lock(lock: str, project: str) -> str:
    """Return the entries of a lock that `project.dependencies` of a pyproject.toml need.

    Raises KeyError for a dependency that is not in the lock.
    """
    entries = lock_entries(lock)
    needs = requirements(entries)
    waiting = [_normalized(each) for each in tomllib.loads(project)["project"]["dependencies"]]
    needed: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += needs[name]
    return "".join(entries[name] for name in sorted(needed, key=list(entries).index))


def lock_entries(lock: str) -> dict[str, str]:
    """Return the lines of each package of a lock, by its name."""
    starts = [*_PACKAGE.finditer(lock)]
    ends = [start.start() for start in starts[1:]] + [len(lock)]
    return {
        _normalized(start[1]): lock[start.start() : end]
        for start, end in zip(starts, ends, strict=True)
    }


def requirements(entries: dict[str, str]) -> dict[str, list[str]]:
    """Return what each package of a lock requires."""
    needs: dict[str, list[str]] = defaultdict(list)
    for name, text in entries.items():
        for user in _VIA.findall(text):
            if user != "via":
                needs[_normalized(user)].append(name)
    return needs


def _normalized(requirement: str) -> str:
    found = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", found[0] if found else "").lower()


if __name__ == "__main__":
    sys.stdout.write(
        runtime_lock(Path("requirements.lock").read_text(), Path("pyproject.toml").read_text())
    )
