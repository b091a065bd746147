"""The map: who calls and tells whom, as a drawing and as a table."""

from __future__ import annotations

from collections.abc import Iterator
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
    """A node and its place. `id` tells a topic from a service of the same name."""

    id: str
    node: MapNode
    place: PlacedNode
    is_chosen: bool


@dataclass(frozen=True)
class DrawnEdge:
    """A relation, the ids of its ends, and the path of its line."""

    edge: MapEdge
    source: str
    target: str
    path: str


async def show_map(pages: DashboardRenderer, request: Request) -> Response:
    """The map of all, or of what one service or topic has to do with."""
    found = await read_map(sources_of(request))
    ids = sorted(node_id(node) for node in found.nodes)
    chosen = request.query_params.get("of", "")
    if chosen not in ids:
        chosen = ""
    seen = around(found, chosen) if chosen else found
    drawing = draw(seen)
    return pages.render(
        request,
        "map",
        here="map",
        chosen=chosen,
        ids=ids,
        nodes=list(_nodes(seen, drawing, chosen)),
        edges=list(_edges(seen, drawing)),
        table=sorted(seen.edges, key=lambda edge: -edge.count),
        drawing=drawing,
        seconds=found.seconds,
    )


def node_id(node: MapNode) -> str:
    """Return the id of a node: `posts`, `topic posts`."""
    return _id(node.name, is_topic=node.kind == "topic")


def _id(name: str, *, is_topic: bool) -> str:
    return f"topic {name}" if is_topic else name


def ends(edge: MapEdge) -> tuple[str, str]:
    """Return the ids of the nodes that a relation joins."""
    source = _id(edge.source, is_topic=edge.kind == "handle")
    return source, _id(edge.target, is_topic=edge.kind == "publish")


def around(found: ServiceMap, id: str) -> ServiceMap:
    """Return a node with its neighbours; of topics also those on their other side."""
    topics = {node_id(node) for node in found.nodes if node.kind == "topic"}
    beside = {end for edge in found.edges if id in ends(edge) for end in ends(edge)} & topics
    edges = tuple(edge for edge in found.edges if {id, *beside} & {*ends(edge)})
    kept = {id}.union(*(ends(edge) for edge in edges))
    nodes = tuple(node for node in found.nodes if node_id(node) in kept)
    return ServiceMap(nodes, edges, found.seconds)


def draw(found: ServiceMap) -> GraphDrawing:
    """Place the nodes that are used most; who calls others and is not called stands at the left."""
    nodes = sorted(found.nodes, key=lambda node: -node.count)[:MAX_NODES]
    calls = [edge for edge in found.edges if edge.kind == "call"]
    first = {edge.source for edge in calls} - {edge.target for edge in calls}
    return place(sorted(map(node_id, nodes)), {ends(edge) for edge in found.edges}, first)


def _nodes(found: ServiceMap, drawing: GraphDrawing, chosen: str) -> Iterator[DrawnNode]:
    for node in found.nodes:
        id = node_id(node)
        if id in drawing.nodes:
            yield DrawnNode(id, node, drawing.nodes[id], id == chosen)


def _edges(found: ServiceMap, drawing: GraphDrawing) -> Iterator[DrawnEdge]:
    pairs = {ends(edge) for edge in found.edges}
    for edge in found.edges:
        source, target = ends(edge)
        if source not in drawing.nodes or target not in drawing.nodes:
            continue
        has_opposite = source != target and (target, source) in pairs
        shift = 0 if not has_opposite else _APART if source < target else -_APART
        line = path(drawing.nodes[source], drawing.nodes[target], shift)
        yield DrawnEdge(edge, source, target, line)
