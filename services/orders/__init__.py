"""Carts and orders: the event log of each, and the saga that sees it to its end."""
