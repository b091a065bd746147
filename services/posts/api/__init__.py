"""The routes of the posts service."""

from services.posts.api import (
    boosts,
    data_export,
    moderation,
    pins,
    posts,
    reactions,
    streaming,
)

__all__ = ["boosts", "data_export", "moderation", "pins", "posts", "reactions", "streaming"]
