"""The posts service: posts, boosts, reactions and pins."""
