"""What Prometheus reads of a service in this process."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from starlette.types import ASGIApp

from tests.fakes.asgi import call
from tests.fakes.cluster import METRICS_TOKEN

SCRAPER = {"authorization": f"Bearer {METRICS_TOKEN}"}
"""The headers of a scrape."""


@dataclass(frozen=True)
class Scrape:
    """The metrics of a service at one moment."""

    families: list[Metric]

    @property
    def samples(self) -> list[Sample]:
        return [sample for family in self.families for sample in family.samples]

    def value(self, name: str, **labels: str) -> float:
        """Return the value of a sample, 0 if there is none: nothing of the kind has happened."""
        found = [s.value for s in self.samples if s.name == name and s.labels == labels]
        assert len(found) <= 1, f"{name}{labels} is there twice"
        return found[0] if found else 0.0

    def has(self, name: str, **labels: str) -> bool:
        """Return whether there is a sample."""
        return any(s.name == name and s.labels == labels for s in self.samples)


async def scrape(app: ASGIApp) -> Scrape:
    """Scrape a service."""
    answer = await call(app, "GET", "/metrics", headers=SCRAPER)
    assert answer.status == 200, answer.text
    return Scrape(list(text_string_to_metric_families(answer.text)))
