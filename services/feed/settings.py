"""The settings of the feed service."""

from __future__ import annotations

from services.chassis.settings import Settings


class FeedSettings(Settings):
    """The settings of the chassis, and the most followers of an author who is not large."""

    microgram_feed_large: int = 2_000
