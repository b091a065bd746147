"""A layered layout of a small directed graph, from left to right (after Sugiyama).

Each node stands as far to the right as the shortest way to it is long, and within a layer near its
neighbours. Cycles are allowed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

NODE_WIDTH = 132
NODE_HEIGHT = 44
_COLUMN = 320
_ROW = 66
_MARGIN = 40
_LOOPS = 80
"""Room at the right for links within the last layer."""
_SWEEPS = 6

Link = tuple[str, str]
_Point = tuple[float, float]


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


def place(
    names: Sequence[str], links: Collection[Link], begins: Collection[str] = ()
) -> GraphDrawing:
    """Place the nodes of a graph, those of `begins` at the left.

    The order of the names decides where there is a choice.
    """
    layers = _ordered(_layers(names, links, begins), links)
    tallest = max((len(layer) for layer in layers), default=1)
    nodes = {}
    for column, layer in enumerate(layers):
        indent = (tallest - len(layer)) * _ROW / 2
        for row, name in enumerate(layer):
            x = _MARGIN + NODE_WIDTH / 2 + column * _COLUMN
            y = _MARGIN + NODE_HEIGHT / 2 + indent + row * _ROW
            nodes[name] = PlacedNode(name, x, y)
    width = 2 * _MARGIN + _LOOPS + NODE_WIDTH + (max(len(layers), 1) - 1) * _COLUMN
    return GraphDrawing(nodes, width, 2 * _MARGIN + NODE_HEIGHT + (tallest - 1) * _ROW)


def path(source: PlacedNode, target: PlacedNode, shift: float = 0) -> str:
    """Return the SVG path of a link. `shift` moves its ends: two links of a pair stand apart."""
    half = NODE_WIDTH / 2
    if source.name == target.name:  # a loop above it
        x, y = source.x, source.top
        return _curve((x - 20, y), (x - 40, y - 34), (x + 40, y - 34), (x + 20, y - 3))
    y1, y2 = source.y + shift, target.y + shift
    if source.x == target.x:  # around the right side of the column
        x, bend = source.x + half, 40 + abs(y2 - y1) / 6
        return _curve((x, y1), (x + bend, y1), (x + bend, y2), (x + 3, y2))
    side = 1 if target.x > source.x else -1
    x1, x2 = source.x + side * half, target.x - side * (half + 3)
    bend = side * max(40.0, abs(x2 - x1) / 2)
    return _curve((x1, y1), (x1 + bend, y1), (x2 - bend, y2), (x2, y2))


def _curve(begin: _Point, *others: _Point) -> str:
    """Return the path of a cubic Bezier curve."""
    first, *rest = (f"{x:.0f} {y:.0f}" for x, y in (begin, *others))
    return f"M{first}C{' '.join(rest)}"


def _layers(
    names: Sequence[str], links: Collection[Link], begins: Collection[str]
) -> list[list[str]]:
    """Put each node as many layers to the right as the shortest way to it has links.

    Ways begin at `begins`, then at nodes that nothing leads to, then at the first by name.
    """
    targets: dict[str, list[str]] = {name: [] for name in names}
    for source, target in sorted(links):
        if source != target and source in targets and target in targets:
            targets[source].append(target)
    led_to = {target for each in targets.values() for target in each}
    depths: dict[str, int] = {}
    sources = [name for name in names if name not in led_to]
    for each in ([name for name in names if name in begins], sources, *([name] for name in names)):
        _walk(each, targets, depths)
    layers: list[list[str]] = [[] for _ in range(max(depths.values(), default=-1) + 1)]
    for name in names:
        layers[depths[name]].append(name)
    return layers


def _walk(
    begins: Iterable[str], targets: Mapping[str, Sequence[str]], depths: dict[str, int]
) -> None:
    """Note the distance of all that is led to, breadth first; known distances stay."""
    waiting = deque(name for name in begins if name not in depths)
    depths.update(dict.fromkeys(waiting, 0))
    while waiting:
        name = waiting.popleft()
        for target in targets[name]:
            if target not in depths:
                depths[target] = depths[name] + 1
                waiting.append(target)


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
