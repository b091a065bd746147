"""The routes of the feed service."""

from services.feed.api import conversations, data_export, discovery, streaming, timelines

__all__ = ["conversations", "data_export", "discovery", "streaming", "timelines"]
