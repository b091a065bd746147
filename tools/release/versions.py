"""Versions, what a change of the contracts asks of them, and the files that name the version."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

_NUMBER = r"(?P<version>\d+\.\d+\.\d+)"
_IMAGE = rf"\bmicrogram(?:-dapr)?:{_NUMBER}"
PLACES = {
    "pyproject.toml": rf'^version = "{_NUMBER}"',
    "services/gateway/settings.py": rf'^VERSION = "{_NUMBER}"',
    "tools/compose/project.py": rf'^VERSION = "{_NUMBER}"',
    "deploy/Containerfile": rf'{_IMAGE}|image\.version="{_NUMBER}"',
    "deploy/compose.yaml": _IMAGE,
    "deploy/kubernetes/overlays/dev/kustomization.yaml": rf"newTag: {_NUMBER}",
    "deploy/kubernetes/overlays/production/kustomization.yaml": rf"newTag: {_NUMBER}",
    ".github/workflows/ci.yaml": rf"\bmicrogram(?:-dapr)?:{_NUMBER}",
    "docs/deploying.md": _IMAGE,
    "docs/kubernetes.md": _IMAGE,
}
"""The files that name the version, and how. The first one decides."""


@dataclass(frozen=True, order=True)
class SemanticVersion:
    """A semantic version without a suffix."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> SemanticVersion:
        """Return the version of a text `1.2.3`; raises ValueError for another one."""
        found = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)", text)
        if found is None:
            raise ValueError(f'"{text}" is not a version such as 1.2.3')
        return cls(*map(int, found.groups()))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    def next(self, *, breaks: bool, adds: bool) -> SemanticVersion:
        """Return the lowest version that may follow.

        What breaks somebody needs a major version, or a minor one below 1.0. What adds something
        needs a minor version, or a patch below 1.0.
        """
        if breaks and self.major:
            return SemanticVersion(self.major + 1, 0, 0)
        if breaks or (adds and self.major):
            return SemanticVersion(self.major, self.minor + 1, 0)
        return SemanticVersion(self.major, self.minor, self.patch + 1)


class VersionMention(NamedTuple):
    """A version in a file."""

    place: str
    line: int
    version: str


def mentions(root: Path) -> Iterator[VersionMention]:
    """Yield every mention of the version; raises ValueError for a file that has none."""
    for place, pattern in PLACES.items():
        text = (root / place).read_text()
        found = [*_compile(pattern).finditer(text)]
        if not found:
            raise ValueError(f"{place} does not name the version: `PLACES` is outdated.")
        for match in found:
            line = text.count("\n", 0, match.start()) + 1
            yield VersionMention(place, line, _version_of(match))


def current(root: Path) -> SemanticVersion:
    """Return the version of a tree."""
    return SemanticVersion.parse(next(mentions(root)).version)


def disagreements(root: Path) -> list[str]:
    """Return where another version is named."""
    version = str(current(root))
    return [
        f"{place}:{line} names {named}, and pyproject.toml {version}."
        for place, line, named in mentions(root)
        if named != version
    ]


def write_version(root: Path, version: SemanticVersion) -> None:
    """Name another version everywhere."""
    for place, pattern in PLACES.items():
        path = root / place
        path.write_text(
            _compile(pattern).sub(lambda match: _renamed(match, version), path.read_text())
        )


def _compile(pattern: str) -> re.Pattern[str]:
    """Compile a pattern in which the version may have several places."""
    parts = iter(range(pattern.count("?P<version>")))
    numbered = re.sub(r"\?P<version>", lambda _: f"?P<v{next(parts)}>", pattern)
    return re.compile(numbered, re.MULTILINE)


def _version_of(match: re.Match[str]) -> str:
    return next(each for each in match.groups() if each)


def _renamed(match: re.Match[str], version: SemanticVersion) -> str:
    return match.group().replace(_version_of(match), str(version))
