"""Adapters of the notifications service to the outside world."""
