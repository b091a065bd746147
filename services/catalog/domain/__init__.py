"""The rules of shops, products, stock and reservations, in plain Python."""
