"""Whether a tree may be released: contracts, version and change log agree."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from tools.contracts.__main__ import stale
from tools.contracts.breaking.__main__ import (
    RELEASED,
    present,
    released,
    unaccepted,
    write_released,
)
from tools.contracts.breaking.contracts import breaking_changes
from tools.release.changelog import Section, sections
from tools.release.rolling import RECORD
from tools.release.versions import SemanticVersion, current, disagreements
from tools.runner.config.paths import REPO

CHANGELOG = REPO / "CHANGELOG.md"


def last_release() -> SemanticVersion | None:
    """Return the version of the last release, if there was one."""
    return SemanticVersion.parse(read_record()["version"]) if RECORD.exists() else None


def read_record() -> dict[str, Any]:
    """Return what is recorded of the last release; raises FileNotFoundError without one."""
    found: dict[str, Any] = json.loads(RECORD.read_text())
    return found


def problems() -> list[str]:
    """Return what forbids a release of this tree, and any commit on the way to one."""
    version, newest = current(REPO), sections(CHANGELOG.read_text())[0]
    found = disagreements(REPO)
    found += [f"docs/contracts/{name} is out of date." for name in stale()]
    found += [f"This breaks somebody: {change}" for change in unaccepted()]
    found += _changelog_problems(version, newest)
    return found + version_problems(version, last_release(), breaks=breaks(), adds=differs())


def tag_problems(tag: str) -> list[str]:
    """Return what forbids to build images of a tag."""
    version, newest = current(REPO), sections(CHANGELOG.read_text())[0]
    found = problems()
    if tag != f"v{version}":
        found.append(f"The tag {tag} is not v{version}.")
    if not newest.is_released or last_release() != version or differs():
        found.append(f"{version} is not released: run `./tye-like-run.sh release`, and commit.")
    return found


def breaks() -> bool:
    """Whether the contracts differ from those of the last release in what breaks somebody.

    Also what is accepted counts: its callers are changed, but those of others are not.
    """
    return bool(breaking_changes(released(), present()))


def differs() -> bool:
    """Whether the contracts differ from those of the last release at all."""
    with tempfile.TemporaryDirectory() as name:
        now = Path(name)
        write_released(now)
        return _texts(now) != _texts(RELEASED)


def _texts(folder: Path) -> dict[str, str]:
    written = {path.name: path.read_text() for path in folder.iterdir()}
    return {name: text for name, text in written.items() if name not in _OF_PEOPLE}


_OF_PEOPLE = ("accepted.yaml", RECORD.name)


def version_problems(
    version: SemanticVersion, last: SemanticVersion | None, *, breaks: bool, adds: bool
) -> list[str]:
    """Return whether a version is too low for what changed since the last release."""
    if last is None or (version == last and not (breaks or adds)):
        return []
    least = last.next(breaks=breaks, adds=adds)
    if version >= least:
        return []
    what = "break somebody" if breaks else "differ" if adds else "are the same"
    return [
        f"The contracts {what} since {last}, so the next version is {least} at least, not "
        f"{version}: `./tye-like-run.sh release --next {least}`."
    ]


def _changelog_problems(version: SemanticVersion, newest: Section) -> list[str]:
    found = []
    if newest.version != str(version):
        found.append(f"CHANGELOG.md begins with {newest.version}, and the version is {version}.")
    if newest.is_released and last_release() != version:
        found.append(f"CHANGELOG.md gives {version} a date, but it was never released.")
    if not newest.is_released and last_release() == version:
        found.append(f"{version} was released, but CHANGELOG.md gives it no date.")
    return found
