"""What people are told of: one notification for each cause, made from events."""
