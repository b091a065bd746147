"""Two servers of the same client API beside each other."""

from __future__ import annotations

from dataclasses import dataclass

from bench.metrics import ScenarioMetrics, ServerResults


@dataclass(frozen=True)
class ComparedFigure:
    """One figure of both servers, of which less is better."""

    what: str
    own: float
    other: float

    @property
    def ratio(self) -> float | None:
        return self.own / self.other if self.other else None


def pair_rows(
    own: ServerResults, other: ServerResults
) -> list[tuple[ScenarioMetrics, ScenarioMetrics]]:
    """Return the scenarios that were measured of both, with the same number in flight."""
    theirs = {(row.kind, row.in_flight): row for row in other.rows}
    pairs = ((row, theirs.get((row.kind, row.in_flight))) for row in own.rows)
    return [(row, beside) for row, beside in pairs if beside is not None]


def compare_costs(own: ServerResults, other: ServerResults) -> list[ComparedFigure]:
    """Return the processor milliseconds per request of each scenario, events included."""
    return [
        ComparedFigure(f"{row.kind}, {row.in_flight} in flight", row.cpu_in_all, beside.cpu_in_all)
        for row, beside in pair_rows(own, other)
    ]


def compare_rest(own: ServerResults, other: ServerResults) -> list[ComparedFigure]:
    """Return what else was measured of both."""
    figures = {
        "seconds until all followers show a post": (own.fanned_out_after, other.fanned_out_after),
        "seconds until all is digested, at worst": (own.digested_after, other.digested_after),
        "cores at rest": (own.idle.all_cores, other.idle.all_cores),
        "MB of memory at the end": (own.memory_at_end, other.memory_at_end),
    }
    return [
        ComparedFigure(what, ours, theirs)
        for what, (ours, theirs) in figures.items()
        if ours is not None and theirs is not None
    ]
