"""The settings of the feed service."""

from __future__ import annotations

from services.chassis.settings import Settings
from services.feed.application.fanout import FanOutLimits


class FeedSettings(Settings):
    """The settings of the chassis and the limits of the fan-out, in followers."""

    microgram_feed_chunk: int = FanOutLimits().chunk
    microgram_feed_large: int = FanOutLimits().large
