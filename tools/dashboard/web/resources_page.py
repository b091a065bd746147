"""The start page: all processes, and the orders that its buttons send."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tools.dashboard.api import MAX_REPLICAS, sources_of
from tools.dashboard.queries.resources import (
    ORDERS,
    Resource,
    SystemReport,
    change_resource,
    list_resources,
)
from tools.dashboard.web.renderer import READ_ONLY, DashboardRenderer

OWN_NAME = "dashboard"
"""The process that serves these pages: it has no buttons, since it could not answer them."""

_SETTLED = frozenset({"external", "stopped"})
"""States that somebody wanted: the last lines of the log do not say why."""


@dataclass(frozen=True)
class ResourceRow:
    """A process as it is shown. `is_first`: the buttons for all replicas stand beside it."""

    resource: Resource
    is_first: bool
    has_buttons: bool

    @property
    def last_lines(self) -> tuple[str, ...]:
        """The end of its log, where it says why the process is not ready."""
        is_expected = self.resource.state in {"ready", *_SETTLED}
        return () if is_expected else self.resource.last_lines

    @property
    def has_reason(self) -> bool:
        is_ready = self.resource.state == "ready"
        return not is_ready and bool(self.resource.reason or self.last_lines)


@dataclass(frozen=True)
class ResourceGroup:
    """A service with its replicas and their sidecars, or all servers."""

    name: str
    replicas: int
    rows: tuple[ResourceRow, ...]


async def show_resources(pages: DashboardRenderer, request: Request) -> Response:
    """Everything that the runner supervises."""
    report = await list_resources(sources_of(request))
    running = [each for each in report.resources if each.state not in ("stopped", "unknown")]
    return pages.render(
        request,
        "resources",
        here="resources",
        report=report,
        groups=list(groups(report)),
        servers=[_row(each, is_first=False) for each in report.resources if each.kind == "server"],
        states=Counter(each.state for each in report.resources).most_common(),
        cpu=sum(each.cpu or 0.0 for each in running),
        memory=sum(each.memory or 0 for each in running),
        max_replicas=MAX_REPLICAS,
    )


async def send_order(pages: DashboardRenderer, request: Request) -> Response:
    """Restart, stop, start or scale what a button names; lead back to the page.

    Raises RunnerError with what the runner objects.
    """
    name, order = request.path_params["name"], request.path_params["order"]
    if pages.is_read_only:
        raise HTTPException(403, READ_ONLY)
    if order not in ORDERS:
        raise HTTPException(404, "There is no such order.")
    count = await _count(request) if order == "scale" else 1
    await change_resource(sources_of(request), name, order, count)
    return RedirectResponse("/", 303)


def groups(report: SystemReport) -> Iterator[ResourceGroup]:
    """Yield each service with its processes: each replica is followed by its sidecar."""
    sidecars = {each.name: each for each in report.resources if each.kind == "sidecar"}
    services = [each for each in report.resources if each.kind == "service"]
    for app_id in dict.fromkeys(each.app_id for each in services):
        rows: list[ResourceRow] = []
        for service in services:
            if service.app_id != app_id:
                continue
            rows.append(_row(service, is_first=not rows))
            sidecar = sidecars.get(f"{service.name}.daprd")
            if sidecar is not None:
                rows.append(_row(sidecar, is_first=False))
        yield ResourceGroup(app_id, report.replicas.get(app_id, 1), tuple(rows))


def _row(resource: Resource, *, is_first: bool) -> ResourceRow:
    has_buttons = resource.name != OWN_NAME and resource.state not in ("external", "unknown")
    return ResourceRow(resource, is_first, has_buttons)


async def _count(request: Request) -> int:
    async with request.form(max_files=0, max_fields=5) as form:
        text = str(form.get("count", ""))
    if not text.isdecimal() or not 1 <= int(text) <= MAX_REPLICAS:
        raise HTTPException(400, f"A service has 1 to {MAX_REPLICAS} replicas.")
    return int(text)
