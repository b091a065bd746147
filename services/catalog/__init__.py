"""Catalog: shops, products, and the stock of each variant."""
