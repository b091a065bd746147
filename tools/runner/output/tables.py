"""The table of `ps`."""

from collections.abc import Iterator, Mapping
from typing import Any

MIN_WIDTH = 80
"""The width of the table at least, also without a terminal."""

_COLOURS = {"ready": "green", "external": "green", "starting": "yellow", "stopped": "dim"}
_COLUMNS = ("service", "pid", "port", "sidecar", "state", "restarts", "cpu s", "cpu %", "MB")


def print_report(report: dict[str, Any]) -> None:
    """Print services and servers as a table, under it what is not ready, and the address.

    A row of a service adds up processor time and memory (PSS) of it and its sidecar.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.width = max(console.width, MIN_WIDTH)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    for name in _COLUMNS:
        table.add_column(
            name, no_wrap=True, justify="left" if name in ("service", "state") else "right"
        )
    for row in [*report["services"], *report["infra"]]:
        table.add_row(*_cells(row))
    console.print(table)
    for line in _notes(report):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if report.get("gateway"):
        console.print(f"Microgram is at [bold]{report['gateway']}[/bold] ({report['components']})")
    if report.get("dashboard"):
        console.print(f"The dashboard is at {report['dashboard']}", markup=False, soft_wrap=True)
    if observed := report.get("observability"):
        where = f"Prometheus is at {observed['prometheus']}, Alertmanager at "
        where += f"{observed['alertmanager']}: user {observed['user']}, password "
        console.print(f"{where}{observed['password']}", markup=False, soft_wrap=True)


def _cells(row: dict[str, Any]) -> list[str]:
    colour = _COLOURS.get(row["state"], "red")
    port = row.get("public_port") or row.get("app_port") or row["address"].rpartition(":")[2]
    seconds, percent, memory = (
        _total(row, name) for name in ("cpu_seconds", "cpu_percent", "memory_bytes")
    )
    return [
        row["service"],
        *("" if value is None else str(value) for value in (row.get("pid"), port)),
        str(row.get("sidecar_port") or ""),
        f"[{colour}]{row['state']}[/{colour}]",
        str(row["restarts"] + row.get("sidecar_restarts", 0)),
        "" if seconds is None else f"{seconds:.1f}",
        "" if percent is None else f"{percent:.1f}",
        "" if memory is None else f"{memory / 1e6:.0f}",
    ]


def _total(row: Mapping[str, Any], name: str) -> float | None:
    """Return what a service and its sidecar use together; None if that is not known."""
    known = [row[key] for key in (name, f"sidecar_{name}") if row.get(key) is not None]
    return sum(known) if known else None


def _notes(report: Mapping[str, Any]) -> Iterator[str]:
    for row in [*report["services"], *report["infra"]]:
        if row["state"] == "external":
            text = f"{row['service']} at {row['address']} belongs to another process"
            yield f"note: {text} ({row['holder']}): `down` does not stop it"
            continue
        yield from _trouble(row, row["service"], "")
        yield from _trouble(row, f"{row['service']}.daprd", "sidecar_")
    for name, needs in report.get("missed", {}).items():
        yield f"note: {name} calls {', '.join(needs)}, which this start leaves out"


def _trouble(row: Mapping[str, Any], name: str, prefix: str) -> Iterator[str]:
    if reason := row.get(f"{prefix}reason"):
        yield f"{name}: {reason}"
        yield from (f"    {line[:300]}" for line in row.get(f"{prefix}last_lines") or ())
