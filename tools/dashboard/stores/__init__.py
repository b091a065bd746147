"""Rings on disk: spans, and metric samples."""
