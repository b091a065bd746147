"""The use cases of orders: commands, queries, and the activities of the checkout saga."""
