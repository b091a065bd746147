"""The use cases of auth: commands and queries."""
