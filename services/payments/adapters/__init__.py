"""The webhooks between payments and its provider."""
