"""Use cases of the feed service: commands and queries."""
