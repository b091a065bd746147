"""A layered layout of a small directed graph, from left to right (after Sugiyama).

Cycles are broken in the order of the nodes, each node stands right of all that lead to it, and
within a layer nodes stand near their neighbours.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

NODE_WIDTH = 132
NODE_HEIGHT = 44
_COLUMN = 260
_ROW = 84
_MARGIN = 40
_SWEEPS = 6

Link = tuple[str, str]


@dataclass(frozen=True)
class PlacedNode:
    """The place of a node: its centre, in the units of the drawing."""

    name: str
    x: float
    y: float

    @property
    def left(self) -> float:
        return self.x - NODE_WIDTH / 2

    @property
    def top(self) -> float:
        return self.y - NODE_HEIGHT / 2


@dataclass(frozen=True)
class GraphDrawing:
    """All places, and the size of the drawing."""

    nodes: Mapping[str, PlacedNode]
    width: float
    height: float


def place(names: Sequence[str], links: Collection[Link]) -> GraphDrawing:
    """Place the nodes of a graph. The order of the names decides where there is a choice."""
    forward = _without_cycles(names, links)
    layers = _ordered(_layers(names, forward), links)
    tallest = max((len(layer) for layer in layers), default=1)
    nodes = {}
    for column, layer in enumerate(layers):
        indent = (tallest - len(layer)) * _ROW / 2
        for row, name in enumerate(layer):
            x = _MARGIN + NODE_WIDTH / 2 + column * _COLUMN
            y = _MARGIN + NODE_HEIGHT / 2 + indent + row * _ROW
            nodes[name] = PlacedNode(name, x, y)
    width = 2 * _MARGIN + NODE_WIDTH + (max(len(layers), 1) - 1) * _COLUMN
    return GraphDrawing(nodes, width, 2 * _MARGIN + NODE_HEIGHT + (tallest - 1) * _ROW)


def path(source: PlacedNode, target: PlacedNode, shift: float = 0) -> str:
    """Return the SVG path of a link. `shift` moves its ends: two links of a pair stand apart."""
    if source.name == target.name:
        x, y = source.x, source.top
        return f"M{x - 20:.0f} {y:.0f}C{x - 40:.0f} {y - 34:.0f} {x + 40:.0f} {y - 34:.0f} {x + 20:.0f} {y - 3:.0f}"
    half = NODE_WIDTH / 2
    y1, y2 = source.y + shift, target.y + shift
    if source.x == target.x:  # around the right side of the column
        x = source.x + half
        bend = 40 + abs(y2 - y1) / 6
        return f"M{x:.0f} {y1:.0f}C{x + bend:.0f} {y1:.0f} {x + bend:.0f} {y2:.0f} {x + 3:.0f} {y2:.0f}"
    side = 1 if target.x > source.x else -1
    x1, x2 = source.x + side * half, target.x - side * (half + 3)
    bend = side * max(40.0, abs(x2 - x1) / 2)
    return f"M{x1:.0f} {y1:.0f}C{x1 + bend:.0f} {y1:.0f} {x2 - bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"


def _without_cycles(names: Sequence[str], links: Collection[Link]) -> list[Link]:
    """Return the links that close no cycle, in a depth-first walk from the sources."""
    targets: dict[str, list[str]] = {name: [] for name in names}
    for source, target in sorted(links):
        if source != target and source in targets and target in targets:
            targets[source].append(target)
    led_to = {target for each in targets.values() for target in each}
    forward: list[Link] = []
    finished: set[str] = set()
    above: list[str] = []

    def visit(name: str) -> None:
        above.append(name)
        for target in targets[name]:
            if target in above:
                continue
            forward.append((name, target))
            if target not in finished:
                visit(target)
        above.pop()
        finished.add(name)

    for name in sorted(names, key=lambda name: name in led_to):
        if name not in finished:
            visit(name)
    return forward


def _layers(names: Sequence[str], forward: Iterable[Link]) -> list[list[str]]:
    """Put each node one layer right of the last one that leads to it."""
    sources: dict[str, list[str]] = {name: [] for name in names}
    for source, target in forward:
        sources[target].append(source)
    depths: dict[str, int] = {}

    def depth(name: str) -> int:
        if name not in depths:
            depths[name] = 1 + max((depth(source) for source in sources[name]), default=-1)
        return depths[name]

    layers: list[list[str]] = []
    for name in names:
        while len(layers) <= depth(name):
            layers.append([])
        layers[depth(name)].append(name)
    return layers


def _ordered(layers: list[list[str]], links: Collection[Link]) -> list[list[str]]:
    """Order each layer by the mean place of the neighbours, which removes most crossings."""
    neighbours: dict[str, set[str]] = {name: set() for layer in layers for name in layer}
    for source, target in links:
        if source in neighbours and target in neighbours:
            neighbours[source].add(target)
            neighbours[target].add(source)
    for _ in range(_SWEEPS):
        places = {
            name: (row + 0.5) / len(layer) for layer in layers for row, name in enumerate(layer)
        }

        def mean(name: str, places: Mapping[str, float] = places) -> float:
            near = [places[each] for each in neighbours[name]]
            return sum(near) / len(near) if near else places[name]

        layers = [sorted(layer, key=mean) for layer in layers]
    return layers
