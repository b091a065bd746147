"""ASGI middleware that every public request passes."""
