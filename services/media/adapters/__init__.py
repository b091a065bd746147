"""The processes that decode and encode pictures."""
