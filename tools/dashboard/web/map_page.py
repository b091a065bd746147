"""The map: who calls and tells whom, as a drawing and as a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from tools.dashboard.api import sources_of
from tools.dashboard.queries.map import MapEdge, MapNode, ServiceMap, read_map
from tools.dashboard.web.layered_layout import GraphDrawing, PlacedNode, path, place
from tools.dashboard.web.renderer import DashboardRenderer

MAX_NODES = 60
"""Services and topics that are drawn; the table has all."""

_APART = 9
"""Units between the two relations of a pair."""


@dataclass(frozen=True)
class DrawnNode:
    """A node and its place."""

    node: MapNode
    place: PlacedNode
    is_chosen: bool


@dataclass(frozen=True)
class DrawnEdge:
    """A relation and the path of its line."""

    edge: MapEdge
    path: str


async def show_map(pages: DashboardRenderer, request: Request) -> Response:
    """The map of all, or of what one service or topic has to do with."""
    found = await read_map(sources_of(request))
    names = sorted(node.name for node in found.nodes)
    chosen = request.query_params.get("of", "")
    if chosen not in names:
        chosen = ""
    seen = around(found, chosen) if chosen else found
    drawing = draw(seen)
    return pages.render(
        request,
        "map",
        here="map",
        chosen=chosen,
        names=names,
        nodes=list(_nodes(seen, drawing, chosen)),
        edges=list(_edges(seen, drawing)),
        table=sorted(seen.edges, key=lambda edge: -edge.count),
        drawing=drawing,
        seconds=found.seconds,
    )


def around(found: ServiceMap, name: str) -> ServiceMap:
    """Return a node with its neighbours; of topics also those on their other side."""
    near = _touching(found.edges, {name})
    topics = {node.name for node in found.nodes if node.kind == "topic"}
    beside = {end for edge in near for end in (edge.source, edge.target)} & topics
    edges = _touching(found.edges, {name, *beside})
    kept = {name} | {end for edge in edges for end in (edge.source, edge.target)}
    nodes = tuple(node for node in found.nodes if node.name in kept)
    return ServiceMap(nodes, tuple(edges), found.seconds)


def draw(found: ServiceMap) -> GraphDrawing:
    """Place the nodes that are used most."""
    nodes = sorted(found.nodes, key=lambda node: -node.count)[:MAX_NODES]
    names = sorted(node.name for node in nodes)
    return place(names, {(edge.source, edge.target) for edge in found.edges})


def _touching(edges: Iterable[MapEdge], names: set[str]) -> list[MapEdge]:
    return [edge for edge in edges if edge.source in names or edge.target in names]


def _nodes(found: ServiceMap, drawing: GraphDrawing, chosen: str) -> Iterator[DrawnNode]:
    for node in found.nodes:
        if node.name in drawing.nodes:
            yield DrawnNode(node, drawing.nodes[node.name], node.name == chosen)


def _edges(found: ServiceMap, drawing: GraphDrawing) -> Iterator[DrawnEdge]:
    pairs = {(edge.source, edge.target) for edge in found.edges}
    for edge in found.edges:
        if edge.source not in drawing.nodes or edge.target not in drawing.nodes:
            continue
        has_opposite = (edge.target, edge.source) in pairs
        shift = 0 if not has_opposite else _APART if edge.source < edge.target else -_APART
        line = path(drawing.nodes[edge.source], drawing.nodes[edge.target], shift)
        yield DrawnEdge(edge, line)
