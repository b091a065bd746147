"""Webhooks between payments and its provider."""
