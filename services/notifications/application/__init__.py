"""Use cases of the notifications service: commands and queries."""
