"""The routes of the users service, which other services call."""
