"""The routes of the pages, of their forms and of their files."""

from __future__ import annotations

from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from tools.dashboard.settings import Settings
from tools.dashboard.web.dapr_page import send_replay, show_dapr
from tools.dashboard.web.logs_page import show_logs
from tools.dashboard.web.map_page import show_map
from tools.dashboard.web.metrics_page import show_metrics
from tools.dashboard.web.renderer import FILES, DashboardRenderer
from tools.dashboard.web.resources_page import send_order, show_resources
from tools.dashboard.web.traces_page import show_trace, show_traces


def create_routes(settings: Settings) -> list[BaseRoute]:
    """Return the routes of one dashboard. Who may use them is decided in `security`."""
    page = DashboardRenderer(is_read_only=settings.is_read_only).handler
    return [
        Route("/", page(show_resources)),
        Route("/logs", page(show_logs)),
        Route("/traces", page(show_traces)),
        Route("/traces/{trace_id}", page(show_trace)),
        Route("/dapr", page(show_dapr)),
        Route("/map", page(show_map)),
        Route("/metrics", page(show_metrics)),
        Route("/resources/{name}/{order}", page(send_order), methods=["POST"]),
        Route("/dapr/{service}/replay", page(send_replay), methods=["POST"]),
        Mount("/static", StaticFiles(directory=FILES)),
    ]
