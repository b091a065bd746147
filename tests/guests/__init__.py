"""A guest beside the service whose place it can take: replicas of one service, on the same data."""
