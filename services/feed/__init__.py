"""The feed service: timelines, a read model built from events only (CQRS)."""
