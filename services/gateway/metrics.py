"""The metrics of the gateway: caches, streams and rate limits, read where they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from services.chassis.metrics import Metrics
from services.gateway.container import Gateway
from services.gateway.ratelimit.limiter import RateLimiter
from services.gateway.streaming.connections import StreamKind
from services.gateway.streaming.hub import StreamHub
from services.gateway.web.renderer import PageRenderer


def measure_caches(metrics: Metrics, gateway: Gateway, pages: PageRenderer) -> None:
    """What was found in memory, and what had to be asked for or rendered."""
    metrics.measure_cache("ready_pages", gateway.ready_pages)
    metrics.measure_cache("notified", gateway.notifications.cache)
    metrics.measure_cache("timeline_pages", gateway.timelines.cache)
    metrics.measure_cache("post_cards", pages.post_cards.kept)
    for name, cache in gateway.renderer.caches.items():
        metrics.measure_cache(name, cache)


def measure_streams(metrics: Metrics, hub: StreamHub) -> None:
    """The streams of connected clients."""
    kinds: tuple[StreamKind, ...] = get_args(StreamKind)

    def open_streams() -> list[tuple[tuple[str, ...], float]]:
        numbers = hub.open_by_kind()
        return [((kind,), numbers[kind]) for kind in kinds]

    metrics.gauge("microgram_streams_open", "Open streams of clients.", ("kind",), open_streams)


def measure_rate_limits(metrics: Metrics, limiters: Mapping[str, RateLimiter]) -> None:
    """What the rate limits refused, by the limit."""
    metrics.read_counter(
        "microgram_rate_limited_total",
        "Requests, and operations of GraphQL, that were above a limit.",
        ("limit",),
        lambda: [((name,), limiter.exceeded) for name, limiter in limiters.items()],
    )
