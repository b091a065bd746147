"""Markers: how far a user has read their timelines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class MarkerRecord:
    """The newest read id of a timeline. `version` counts the changes."""

    last_read_id: str
    version: int
    updated_at: str


@dataclass(frozen=True, slots=True)
class ReadMarkers:
    """The document `markers:USER`: the markers by timeline."""

    timelines: dict[str, MarkerRecord] = field(default_factory=dict)

    def apply(self, read: Mapping[str, str], now: str) -> ReadMarkers:
        """Return the markers with new read ids. The same id changes nothing."""
        timelines = dict(self.timelines)
        for timeline, id in read.items():
            known = timelines.get(timeline)
            if known is None or known.last_read_id != id:
                timelines[timeline] = MarkerRecord(id, known.version + 1 if known else 0, now)
        return ReadMarkers(timelines)

    def last_read(self, timeline: str) -> str:
        """Return the newest read id, or empty."""
        return self.timelines[timeline].last_read_id if timeline in self.timelines else ""
