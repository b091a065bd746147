"""What orders asks of other services."""
