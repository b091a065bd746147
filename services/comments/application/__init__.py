"""Use cases of the comments service: commands and queries."""
