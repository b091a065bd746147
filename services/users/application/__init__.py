"""The use cases of the users service: commands and queries."""
