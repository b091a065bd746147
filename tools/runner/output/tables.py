"""The table of `ps`."""

from typing import Any

_COLOURS = {"ready": "green", "external": "green", "starting": "yellow", "stopped": "dim"}


def print_report(report: dict[str, Any]) -> None:
    """Print services and servers as a table, and the gateway's address under it."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.width = max(console.width, 120)  # also without a terminal
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("service", "app-id", "address"):
        table.add_column(name, no_wrap=True)
    for name in ("sidecar", "pid", "sidecar pid"):
        table.add_column(name, justify="right")
    table.add_column("state")
    table.add_column("restarts", justify="right")
    for row in [*report["services"], *report["infra"]]:
        table.add_row(*_cells(row))
    console.print(table)
    if report.get("gateway"):
        console.print(f"Microgram is at [bold]{report['gateway']}[/bold] ({report['components']})")
    for row in report["infra"]:
        if row["state"] == "external":
            text = f"{row['service']} at {row['address']} belongs to another process"
            text += f" ({row['holder']}): `down` does not stop it"
            console.print(f"note: {text}", markup=False, soft_wrap=True)
    for name, needs in report.get("missed", {}).items():
        console.print(f"note: {name} calls {', '.join(needs)}, which this start leaves out")


def _cells(row: dict[str, Any]) -> list[str]:
    colour = _COLOURS.get(row["state"], "red")
    restarts = row["restarts"] + row.get("sidecar_restarts", 0)
    values = [row.get(key) for key in ("app_id", "address", "sidecar_port", "pid", "sidecar_pid")]
    texts = ["" if value is None else str(value) for value in values]
    return [row["service"], *texts, f"[{colour}]{row['state']}[/{colour}]", str(restarts)]
