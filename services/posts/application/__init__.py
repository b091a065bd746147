"""Use cases of the posts service: commands and queries."""
