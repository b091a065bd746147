"""The services that orders calls."""
