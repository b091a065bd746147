"""The rules of shops, products, stock and reservations: plain values in, plain values out."""
