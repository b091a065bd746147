"""Publishing events: the outbox and its journal."""
