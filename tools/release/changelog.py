"""CHANGELOG.md: a section for each version, the newest first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

NOT_RELEASED = "not released"
_HEADING = re.compile(r"^## (?P<version>\S+) \((?P<when>[^)]+)\)\n", re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """What a version changed."""

    version: str
    when: str
    """The date of the release, or `NOT_RELEASED`."""
    text: str

    @property
    def is_released(self) -> bool:
        return self.when != NOT_RELEASED

    @property
    def entries(self) -> list[str]:
        """The points of its list."""
        return [line for line in self.text.splitlines() if line.startswith("- ")]


def sections(text: str) -> list[Section]:
    """Return the sections, the newest first; raises ValueError where there is none, or no date."""
    headings = [*_HEADING.finditer(text)]
    if not headings:
        raise ValueError(f"CHANGELOG.md has no section such as `## 1.2.3 ({NOT_RELEASED})`.")
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    found = [
        Section(heading["version"], heading["when"], text[heading.end() : end].strip())
        for heading, end in zip(headings, ends, strict=True)
    ]
    for section in found:
        if section.is_released:
            date.fromisoformat(section.when)
    return found


def dated(text: str, version: str, day: date) -> str:
    """Return the change log with the date of a release."""
    return text.replace(f"## {version} ({NOT_RELEASED})", f"## {version} ({day.isoformat()})")


def opened(text: str, version: str) -> str:
    """Return the change log with a section for the next version, still without entries."""
    start = sections(text)[0]
    heading = f"## {start.version} ({start.when})"
    return text.replace(heading, f"## {version} ({NOT_RELEASED})\n\n{heading}")
