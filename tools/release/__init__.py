"""Releases: what a version may change, and how one is made (docs/releasing.md)."""
