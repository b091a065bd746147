"""What the log of a sidecar says about its components since it last started.

The metadata API of sidecars would say it, too, but services may not use that, and so it is off.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools.dashboard.collect.log_lines import LEVELS, LogEntry
from tools.dashboard.collect.log_reader import Scan, newest_first

_START = "starting Dapr"
_LOADED = re.compile(r"Component loaded: (\S+) \(")
_SUBSCRIBED = re.compile(
    r"app is subscribed to the following topics: \[\[(.*)\]\] through pubsub=(\S+)"
)
_SEVERE = frozenset(LEVELS[LEVELS.index("warning") :])


@dataclass
class SidecarStart:
    """The last start of a sidecar. `is_known` is False if the log no longer has it."""

    is_known: bool = False
    loaded: set[str] = field(default_factory=set)
    topics: dict[str, set[str]] = field(default_factory=dict)
    """The topics that it delivers, by component."""
    warnings: list[str] = field(default_factory=list)
    """Oldest last."""

    def failure_of(self, component: str) -> str:
        """Return the last warning or error that names a component; empty for none."""
        named = (text for text in self.warnings if re.search(rf"\b{re.escape(component)} \(", text))
        return next(named, "")


def read_start(logs: Path, process: str) -> SidecarStart:
    """Return what a sidecar logged since its last start. Reads a bounded part of its log."""
    found = SidecarStart()
    for entry in newest_first(logs, [process], lambda _: True, Scan()):
        if entry.message.startswith(_START):
            found.is_known = True
            break
        _note(found, entry)
    return found


def _note(found: SidecarStart, entry: LogEntry) -> None:
    if loaded := _LOADED.match(entry.message):
        found.loaded.add(loaded[1])
    elif subscribed := _SUBSCRIBED.match(entry.message):
        found.topics.setdefault(subscribed[2], set()).update(subscribed[1].split())
    elif entry.level in _SEVERE:
        component = entry.fields.get("component", "")
        found.warnings.append(f"{component} {entry.message}".strip())


def read_starts(logs: Path, names: Iterable[str]) -> Mapping[str, SidecarStart]:
    """Return the last start of some sidecars, by their names."""
    return {name: read_start(logs, name) for name in names}
