"""The use cases of catalog: commands and queries."""
