"""The access file as a page: who may call which route, and what each service may use."""

from __future__ import annotations

from collections.abc import Iterable

from services.chassis.security.access_rules import (
    HEALTH_ROUTES,
    METRICS_ROUTES,
    Access,
    ServiceAccess,
)

_HEAD = """\
# Access

Generated from `services/access.yaml` by `python -m tools.contracts`. What is not listed is refused,
by the service and by its sidecar. **operator**: through the service's own sidecar, with the token
of the operator. **scraper**: directly, with the token of metrics. **own sidecar**: what the sidecar
delivers. A path without a verb is a method of gRPC.
"""


def access_page(access: Access) -> str:
    """Return the page in Markdown."""
    return "\n".join([_HEAD, *(_section(own) for own in access.values())])


def _section(own: ServiceAccess) -> str:
    public = "\nThe internet may call all routes but the listed ones.\n" if own.is_public else ""
    uses = [
        ("publishes", own.publishes),
        ("subscribes", own.subscribes),
        ("secrets", own.secrets),
        ("components", own.components),
        ("Dapr APIs", own.apis),
    ]
    lines = [f"- {name}: {', '.join(sorted(values)) or 'nothing'}" for name, values in uses]
    rows = [f"| `{route}` | {callers} |" for route, callers in _routes(own)]
    table = ["| route | callers |", "|---|---|", *rows]
    return "\n".join([f"## {own.name}", public, *lines, "", *table, ""])


def _routes(own: ServiceAccess) -> Iterable[tuple[str, str]]:
    calls = {route: _names(callers) for route, callers in own.calls.items()}
    for route in sorted(HEALTH_ROUTES):
        calls[route] = ", ".join(filter(None, ["every process", calls.get(route, "")]))
    yield from calls.items()
    yield from ((method, _names(callers)) for method, callers in own.grpc.items())
    yield from ((route, "scraper") for route in sorted(METRICS_ROUTES))
    yield from ((route, "operator") for route in sorted(own.operator))
    yield from ((route, "own sidecar") for route in sorted(own.event_routes))


def _names(values: Iterable[str]) -> str:
    return ", ".join(sorted(values)) or "nobody"
