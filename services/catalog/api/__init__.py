"""The routes of catalog."""
