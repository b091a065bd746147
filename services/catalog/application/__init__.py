"""The use cases of catalog: commands, queries and projections."""
