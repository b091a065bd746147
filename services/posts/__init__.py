"""Posts: made, edited, deleted, read, liked and kept."""
