"""Typed clients, one per service. All calls between services go through them."""
