"""Backup and restore of what a system keeps: documents, pictures, and the keys to read them."""
