"""Who calls and tells whom, from the spans of the last hour."""

from __future__ import annotations

from dataclasses import dataclass

from tools.dashboard.sources import Sources


@dataclass(frozen=True)
class MapNode:
    """A service or a topic. The figures are of what it handled."""

    name: str
    kind: str
    """`service` or `topic`."""
    count: int
    errors: int
    p95_ms: float


@dataclass(frozen=True)
class MapEdge:
    """A relation: a service calls a service, publishes to a topic; a topic is handled by one."""

    source: str
    target: str
    kind: str
    """`call`, `publish` or `handle`."""
    count: int
    per_minute: float
    errors: int
    p95_ms: float


@dataclass(frozen=True)
class ServiceMap:
    """Nodes and edges, and the seconds that they cover."""

    nodes: tuple[MapNode, ...]
    edges: tuple[MapEdge, ...]
    seconds: float


async def read_map(sources: Sources) -> ServiceMap:
    """Return the map of the last hour."""
    raise NotImplementedError
