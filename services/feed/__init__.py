"""Timelines: a read model built only from events (CQRS)."""
