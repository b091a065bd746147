"""Orders: carts, checkouts, and the event log of each order."""
