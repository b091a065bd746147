"""Starts the feed service: `python -m services.feed`."""

from __future__ import annotations

from services.chassis.service import Service
from services.feed.app import create_app
from services.feed.domain.relations import FanOutLimits
from services.feed.settings import FeedSettings


def main() -> None:
    """Run the service until a signal stops it."""
    settings = FeedSettings()
    limits = FanOutLimits(settings.microgram_feed_chunk, settings.microgram_feed_large)
    service = Service(settings)
    service.run(create_app(service, limits))


if __name__ == "__main__":
    main()
