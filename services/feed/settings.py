"""The settings of the feed service."""

from __future__ import annotations

from services.chassis.settings import Settings


class FeedSettings(Settings):
    """The settings of the chassis and the limits of the fan-out, in followers."""

    microgram_feed_chunk: int = 500
    microgram_feed_large: int = 2_000
