"""The use cases of orders: carts, checkout, the activities of the saga, and projections."""
