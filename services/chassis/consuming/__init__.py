"""Receiving events: at least once, with gaps noticed and filled, poison kept as dead letters."""
