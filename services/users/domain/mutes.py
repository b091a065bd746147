"""When mutes end: documents for the expiry of mutes with a duration."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScheduledMuteExpiries:
    """The document `ending:SPAN`: edges whose mutes may end within a span of time."""

    edges: tuple[str, ...] = ()

    def with_edge(self, edge: str) -> ScheduledMuteExpiries:
        """Return it with an edge, at most once."""
        return self if edge in self.edges else ScheduledMuteExpiries((*self.edges, edge))


@dataclass(frozen=True, slots=True)
class MuteExpiryCursor:
    """The document `swept:all`: the last span in which no mute is left to end."""

    span: int
