"""The rules of carts and orders, and the plan of the saga: plain Python."""
