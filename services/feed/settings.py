"""The settings of the feed service."""

from __future__ import annotations

from services.chassis.settings import Settings
from services.feed.domain.relations import LARGE_AUTHOR


class FeedSettings(Settings):
    """The settings of the chassis, and how many followers' homes get an author's posts at most."""

    microgram_feed_large: int = LARGE_AUTHOR
