"""Workflows: plans in plain Python, and the engine that runs them."""
