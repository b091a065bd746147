"""Starts the feed service: `python -m services.feed`."""

from __future__ import annotations

from services.chassis.service import Service
from services.feed.app import create_app
from services.feed.settings import FeedSettings


def main() -> None:
    """Run the service until a signal stops it."""
    settings = FeedSettings()
    service = Service(settings)
    service.run(create_app(service, settings.microgram_feed_large))


if __name__ == "__main__":
    main()
