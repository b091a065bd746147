"""The rules of carts and orders, and the plan of the checkout saga, in plain Python."""
